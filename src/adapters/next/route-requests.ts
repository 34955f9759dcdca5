import { instance } from '../../instance.ts'
import { makeAddress } from '../../task/address.ts'
import { RequestScope } from '../../task/request-scope.ts'

/** The part of Next's `AppRouteRouteModule` that is used: it calls the handlers of a route. */
interface RouteModule {
  handle?(request: object, ...rest: unknown[]): unknown
  [addresses]?: true
}

const addresses = Symbol.for('afterword.route-requests')

/**
 * Makes the `NextRequest` that a route handler gets an address of its request: Next makes it of Node's, and keeps no way back. Where Next looks
 * different inside, nothing is changed, and a `NextRequest` leads to no request.
 */
export async function addressRouteRequests(): Promise<void> {
  const prototype = await routeModule()
  if (typeof prototype?.handle !== 'function' || addresses in prototype) return
  const { handle } = prototype
  prototype[addresses] = true
  prototype.handle = function (request, ...rest) {
    const { currentScope } = instance()
    if (currentScope instanceof RequestScope) makeAddress(request, { gate: currentScope })
    return handle.call(this, request, ...rest)
  }
}

/** Finds the module that Next's build gives to route handlers: it depends on the bundler, and on the environment. */
async function routeModule(): Promise<RouteModule | undefined> {
  try {
    const { AppRouteRouteModule } = await import('next/dist/server/route-modules/app-route/module.compiled.js')
    return AppRouteRouteModule.prototype as unknown as RouteModule
  } catch {
    return undefined
  }
}

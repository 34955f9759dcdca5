import {
  type DynamicModule,
  HttpException,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common'
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core'
import { Afterword } from '../afterword.ts'
import { configure, instance } from '../instance.ts'
import type { AfterwordOptions } from '../options/instance-options.ts'
import { NodeIntake, type NodeServer } from './node/node-intake.ts'
import { enter, type NodeRequest, type NodeResponse } from './node/node-scope.ts'
import { attach } from './node-http.ts'

/**
 * `imports: [AfterwordModule.forRoot()]` in the root module. Opens a scope for each request, on the Express and on the Fastify
 * platform; provides `Afterword` for injection; `app.close()` waits for the tasks.
 *
 * @example
 * Module({ imports: [AfterwordModule.forRoot({ journal: 'data/afterword' })] })(AppModule) // or with `@`, as a decorator
 */
export class AfterwordModule implements NestModule, OnModuleDestroy, OnApplicationShutdown {
  /**
   * Options are those of `configure`.
   * @throws AfterwordError `AFTERWORD_ALREADY_STARTED`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  static forRoot(options?: AfterwordOptions): DynamicModule {
    if (options !== undefined) configure(options)
    const providers = [{ provide: Afterword, useFactory: instance }]
    return { module: AfterwordModule, global: true, providers, exports: [Afterword] }
  }

  readonly #host: HttpAdapterHost

  constructor(host: HttpAdapterHost, modules: ModulesContainer) {
    this.#host = host
    // Nest calls the hooks of `app.close()` from the nearest module to the farthest, and takes global ones for the farthest.
    for (const module of modules.values()) if (module.metatype === AfterwordModule) module.distance = -1
    instance().expectRequests()
  }

  /** Called by Nest once it has made its server, which is not yet there when modules are made. */
  configure(consumer: MiddlewareConsumer): void {
    attach(this.#host.httpAdapter.getHttpServer() as NodeServer)
    const isExpress = this.#host.httpAdapter.getType() === 'express'
    // For requests that come by no server, such as those of Fastify's `inject`.
    const middleware = (req: NodeRequest, res: NodeResponse, next: (error?: unknown) => void) => {
      // An exception of Nest's own, which its filters answer with that status.
      const answerError = (cause: Error) => next(new HttpException(cause.message, 503, { cause }))
      enter(instance(), req, res, next, undefined, isExpress ? answerError : undefined)
    }
    consumer.apply(middleware).forRoutes('{*path}')
  }

  /** Called ahead of all others: already in this hook, the first one, modules close what tasks need. */
  async onModuleDestroy(): Promise<void> {
    await instance().drain({}, NodeIntake.of(this.#host.httpAdapter?.getHttpServer() as NodeServer))
  }

  /** @param signal where Nest ends the process, after `enableShutdownHooks()` */
  async onApplicationShutdown(signal?: string): Promise<void> {
    if (signal === undefined || instance().takesSignals) await instance().drain()
    else await instance().close()
  }
}

// The calls of the decorators, by hand: this file is run as it is, without a compiler.
Module({})(AfterwordModule)
Inject(HttpAdapterHost)(AfterwordModule, undefined, 0)
Inject(ModulesContainer)(AfterwordModule, undefined, 1)

import type { Writable } from 'node:stream'
import { clock } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { instance } from '../instance.ts'
import type { SentResponse } from '../sent-response.ts'
import { makeAddress } from '../task/address.ts'
import type { Host, ResponseGate, ScopeResponse } from '../task/response.ts'

/** The part of Lambda's context that the adapter uses. */
interface LambdaContext {
  getRemainingTimeInMillis(): number
}

/**
 * The parts of an event that the adapter uses: `rawPath` and `requestContext` of function URLs and HTTP APIs (payload format 2.0), `path` and
 * `httpMethod` of REST APIs and load balancers (payload format 1.0). Other events have none of them, and may be `null`.
 */
interface HttpEvent {
  readonly rawPath?: string
  readonly requestContext?: { readonly http?: { readonly method?: string } } | null
  readonly path?: string
  readonly httpMethod?: string
}

type Handler<E, C, R> = (event: E, context: C) => Promise<R>
type StreamingHandler<E, S, C, R> = (event: E, responseStream: S, context: C) => Promise<R>

/** The time in ms of an invocation that tasks leave alone: at its end Lambda breaks off all code that runs. */
const margin = 500

/**
 * Opens a scope for each invocation of a Lambda handler behind a function URL or an API. Lambda may freeze the process once a
 * handler has returned; so the tasks run before that: with `awslambda.streamifyResponse(withAfterword(handler))` when the
 * stream has ended, the client has its answer and does not wait; otherwise before the answer.
 *
 * @example
 * export const handler = withAfterword(async (event: APIGatewayProxyEventV2, context: Context) => {
 *   defer(track, event.rawPath)
 *   return { statusCode: 200, body: 'hello' }
 * })
 */
export function withAfterword<E extends object, C extends LambdaContext, R>(handler: Handler<E, C, R>): Handler<E, C, R>
export function withAfterword<E extends object, S extends Writable, C extends LambdaContext, R>(
  handler: StreamingHandler<E, S, C, R>,
): StreamingHandler<E, S, C, R>
export function withAfterword(handler: (...args: unknown[]) => Promise<unknown>): unknown {
  // Older runtimes hand a callback over behind the context.
  return function (this: unknown, event: HttpEvent | null, second: LambdaContext | Writable, third?: unknown) {
    const stream = isStream(second) ? second : undefined
    const context = (stream === undefined ? second : third) as LambdaContext | undefined
    const response = new LambdaResponse(event, context, stream === undefined)
    for (const object of [event, context]) makeAddress(object, response)
    return instance().scope(response, async () => {
      response.gate?.keepContext()
      try {
        const result = await handler.call(this, event, second, third)
        if (stream !== undefined) await ended(stream)
        await response.sent((result as { statusCode?: number } | undefined)?.statusCode ?? 200, stream?.errored == null)
        return result
      } catch (error) {
        await response.sent(500, true)
        throw error
      }
    })
  }
}

function isStream(value: LambdaContext | Writable | undefined): value is Writable {
  return typeof value === 'object' && 'write' in value
}

/** Resolves when the stream has been ended and its bytes are on their way, or when it is broken. */
async function ended(stream: Writable): Promise<void> {
  if (stream.writableFinished || stream.destroyed) return
  await new Promise((resolve) => stream.once('finish', resolve).once('close', resolve).once('error', resolve))
}

class LambdaResponse implements ScopeResponse {
  gate?: ResponseGate
  readonly host: Host
  readonly #method: string
  readonly #path: string
  readonly #sent = Promise.withResolvers<SentResponse>()
  #state: Pick<SentResponse, 'status' | 'delivered' | 'aborted'> = { status: 200, delivered: false, aborted: false }

  constructor(event: HttpEvent | null, context: LambdaContext | undefined, before: boolean) {
    this.#method = event?.requestContext?.http?.method ?? event?.httpMethod ?? 'GET'
    this.#path = event?.rawPath ?? event?.path ?? '/'
    const left = context?.getRemainingTimeInMillis?.()
    this.host = { before, deadline: left === undefined ? undefined : clock.now() + left - margin }
  }

  whenSent(callback: (sent: SentResponse) => void): void {
    void this.#sent.promise.then(callback)
  }

  describe(): SentResponse {
    return { method: this.#method, path: this.#path, ...this.#state }
  }

  /** A handler answers by returning: before, there is no response to end. */
  end(): void {
    throw new AfterwordError('AFTERWORD_RESPONSE_NOT_RETURNED', [this.#method, this.#path])
  }

  /** Resolves when the tasks have run. */
  async sent(status: number, delivered: boolean): Promise<void> {
    this.#state = { status, delivered, aborted: !delivered }
    this.#sent.resolve(this.describe())
    if (this.gate?.busy) await this.gate.settled()
  }
}

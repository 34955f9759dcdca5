import type { Writable } from 'node:stream'
import { AfterwordError } from '../errors.ts'
import { instance } from '../instance.ts'
import type { SentResponse } from '../sent-response.ts'
import type { Host, ResponseGate, ScopeResponse } from '../task/response.ts'

/** The part of Lambda's context that the adapter uses. */
interface LambdaContext {
  getRemainingTimeInMillis(): number
}

/** The part of the event of a function URL or an HTTP API, payload format 2.0, that the adapter uses. */
interface HttpEvent {
  readonly rawPath?: string
  readonly requestContext?: { readonly http?: { readonly method?: string } }
}

type Handler<E, C, R> = (event: E, context: C) => Promise<R>
type StreamingHandler<E, S, C, R> = (event: E, responseStream: S, context: C) => Promise<R>

/** The time in ms of an invocation that tasks leave alone: at its end Lambda breaks off all code that runs. */
const margin = 500

/**
 * Opens a scope for each invocation of a Lambda handler behind a function URL or an API. Lambda may freeze the process once a
 * handler has returned; so the tasks run before that: with `awslambda.streamifyResponse(withAfterword(handler))` when the
 * stream has ended, the client has its answer and does not wait; otherwise before the answer.
 */
export function withAfterword<E extends object, C extends LambdaContext, R>(handler: Handler<E, C, R>): Handler<E, C, R>
export function withAfterword<E extends object, S extends Writable, C extends LambdaContext, R>(
  handler: StreamingHandler<E, S, C, R>,
): StreamingHandler<E, S, C, R>
export function withAfterword(handler: (...args: unknown[]) => Promise<unknown>): unknown {
  // Older runtimes hand a callback over behind the context.
  return (event: HttpEvent, second: LambdaContext | Writable, third?: unknown) => {
    const stream = 'write' in second ? second : undefined
    const context = (stream === undefined ? second : third) as LambdaContext
    const response = new LambdaResponse(event, context, stream === undefined)
    return instance().scope(response, async () => {
      try {
        const result = await handler(event, second, third)
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

  constructor({ rawPath = '/', requestContext }: HttpEvent, context: LambdaContext, before: boolean) {
    this.#method = requestContext?.http?.method ?? 'GET'
    this.#path = rawPath
    this.host = { before, deadline: performance.now() + context.getRemainingTimeInMillis() - margin }
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

import { Agent, request } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2'
import { type Connection, connect } from './connection.ts'
import { type Marks, markHeader } from './mark.ts'
import { isHttp2, type Protocol } from './protocols.ts'
import { type Answer, type Ask, Hearing, type Visit } from './visit.ts'

/** A client with one connection, which is kept alive until it is closed. */
export interface Client {
  visit(path: string, ask?: Ask): Visit
  close(): void
}

export function createClient(protocol: Protocol, port: number, marks: Marks): Client {
  return isHttp2({ protocol }) ? new Http2Client(protocol, port, marks) : new Http1Client(protocol, port, marks)
}

/** HTTP/1.1, in plain text or over TLS. */
class Http1Client implements Client {
  readonly #marks: Marks
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  #connection: Connection | undefined

  constructor(protocol: Protocol, port: number, marks: Marks) {
    this.#marks = marks
    this.#agent.createConnection = () => (this.#connection = connect(protocol, port)).socket
  }

  visit(path: string, { method = 'GET', headers = {}, body, endless = false, read = true }: Ask = {}): Visit {
    const mark = this.#marks.next()
    const hearing = new Hearing()
    const answered = Promise.withResolvers<Answer>()
    const settle = (complete: boolean) => {
      this.#marks.make(mark)
      answered.resolve(hearing.answer(complete))
    }
    const req = request({
      method,
      path,
      agent: this.#agent,
      headers: { host: 'localhost', ...headers, [markHeader]: mark },
    })
    req.on('information', ({ statusCode }) => hearing.inform(statusCode))
    req.on('response', (res) => {
      hearing.status = res.statusCode ?? 0
      hearing.headers = res.headers
      if (read) res.on('data', hearing.add)
      res.on('end', () => {
        hearing.trailers = res.trailers
        settle(res.complete)
      })
      res.on('error', () => {})
      res.on('close', () => settle(res.complete))
    })
    req.on('error', () => {})
    req.on('close', () => {
      if (hearing.status === 0) settle(false)
    })
    if (headers.expect === '100-continue') req.on('continue', () => req.end(body)).flushHeaders()
    else if (endless) req.write(body)
    else req.end(body)
    const leave = (how: 'close' | 'reset') => {
      const { tcp, socket } = this.#connection as Connection
      if (how === 'close') socket.destroy()
      else tcp.resetAndDestroy()
      return answered.promise
    }
    return { mark, heard: hearing.heard, answer: answered.promise, leave }
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** HTTP/2, in plain text or over TLS. */
class Http2Client implements Client {
  readonly #marks: Marks
  readonly #connection: Connection
  readonly #session: ClientHttp2Session

  constructor(protocol: Protocol, port: number, marks: Marks) {
    this.#marks = marks
    this.#connection = connect(protocol, port)
    const scheme = protocol === 'h2' ? 'https' : 'http'
    this.#session = connectHttp2(`${scheme}://localhost`, { createConnection: () => this.#connection.socket })
    this.#session.on('error', () => {})
    this.#session.on('stream', (pushed) => pushed.resume())
  }

  visit(path: string, { method = 'GET', headers = {}, body, endless = false, read = true }: Ask = {}): Visit {
    const mark = this.#marks.next()
    const hearing = new Hearing()
    const stream = this.#session.request(
      { ':method': method, ':path': path, ...headers, [markHeader]: mark },
      { endStream: body === undefined },
    )
    stream.on('headers', ({ ':status': status }) => hearing.inform(Number(status)))
    stream.on('response', ({ ':status': status, ...headers }) => {
      hearing.status = status ?? 0
      hearing.headers = headers
      // Refused without a 100: there is nothing more to say.
      if (!endless && !stream.writableEnded) stream.end()
    })
    stream.on('trailers', (trailers) => (hearing.trailers = trailers))
    if (read) stream.on('data', hearing.add)
    if (headers.expect === '100-continue') stream.on('continue', () => stream.end(body))
    else if (endless) stream.write(body)
    else if (body !== undefined) stream.end(body)
    stream.on('end', () => this.#marks.make(mark))
    stream.on('error', () => {})
    const answered = Promise.withResolvers<Answer>()
    stream.on('close', () => {
      this.#marks.make(mark)
      answered.resolve(hearing.answer(stream.rstCode === constants.NGHTTP2_NO_ERROR && hearing.status > 0))
    })
    const leave = (how: 'close' | 'reset') => {
      if (how === 'close') stream.close(constants.NGHTTP2_CANCEL)
      else this.#connection.tcp.resetAndDestroy()
      return answered.promise
    }
    return { mark, heard: hearing.heard, answer: answered.promise, leave }
  }

  close(): void {
    this.#session.close()
  }
}

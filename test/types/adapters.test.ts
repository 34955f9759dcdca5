import type { Writable } from 'node:stream'
import { Module } from '@nestjs/common'
import express, { type RequestHandler } from 'express'
import Fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expectTypeOf, it } from 'vitest'
import * as lambda from '../../src/adapters/aws-lambda.ts'
import * as expressAdapter from '../../src/adapters/express.ts'
import * as fastifyAdapter from '../../src/adapters/fastify.ts'
import { type FetchOptions, withAfterword } from '../../src/adapters/fetch.ts'
import * as h3Adapter from '../../src/adapters/h3.ts'
import * as honoAdapter from '../../src/adapters/hono.ts'
import * as koaAdapter from '../../src/adapters/koa.ts'
import { AfterwordModule } from '../../src/adapters/nest.ts'
import { register } from '../../src/adapters/next.ts'
import { attach } from '../../src/adapters/node-http.ts'
import { type Afterword, type AfterwordOptions, type Deferred, defer, job } from '../../src/index.ts'

const track = (event: string, count: number): string => event.repeat(count)
const Send = job('types-send', async (_to: string, _copies?: number) => 1)

// Checked by the compiler, never called: apps as users write them, where a wrong call must not compile.

function inExpress() {
  const app = express()
  app.use(expressAdapter.afterword())
  app.get('/:to', (req, res) => {
    expectTypeOf(req.params.to).toEqualTypeOf<string>()
    Send.defer(req.params.to)
    // @ts-expect-error: a number is no string
    Send.defer(res.statusCode)
    // @ts-expect-error: the count is missing
    defer(track, req.path)
  })
}

function inKoa() {
  interface State {
    user: string
  }
  const app = new Koa<State>()
  app.use(koaAdapter.afterword())
  app.use(async (ctx, next) => {
    expectTypeOf(ctx.state).not.toBeAny()
    expectTypeOf(ctx.state.user).toEqualTypeOf<string>()
    Send.defer(ctx.path)
    // @ts-expect-error: a number is no string
    Send.defer(ctx.status)
    // @ts-expect-error: the count is missing
    defer(track, ctx.path)
    await next()
  })
}

function inFastify() {
  const app = Fastify()
  app.register(fastifyAdapter.afterword)
  app.post<{ Body: { to: string; copies: number } }>('/', async ({ body }, reply) => {
    expectTypeOf(body).not.toBeAny()
    Send.defer(body.to, body.copies)
    // @ts-expect-error: a number is no string
    Send.defer(body.copies)
    // @ts-expect-error: the arguments are the wrong way round
    defer(track, body.copies, body.to)
    return reply.code(201).send()
  })
}

function inHono() {
  interface Bindings {
    KEY: string
  }
  const app = new Hono<{ Bindings: Bindings; Variables: { copies: number } }>()
  app.use(honoAdapter.afterword())
  app.get('/:to', honoAdapter.afterword(), (c) => {
    expectTypeOf(c.env).toEqualTypeOf<Bindings>()
    expectTypeOf(c.req.param('to')).toEqualTypeOf<string>()
    Send.defer(c.req.param('to'), c.get('copies'))
    // @ts-expect-error: a number is no string
    Send.defer(c.get('copies'))
    // @ts-expect-error: the count is missing
    defer(track, c.env.KEY)
    return c.json({ ok: true })
  })
}

function inH3() {
  const app = new H3()
  app.use(h3Adapter.afterword())
  app.get('/', (event) => {
    Send.defer(event.url.pathname)
    // @ts-expect-error: a URL is no string
    Send.defer(event.url)
    // @ts-expect-error: the count is missing
    defer(track, event.url.pathname)
    return { ok: true }
  })
}

function inNest() {
  Module({ imports: [AfterwordModule.forRoot({ concurrency: 8 })] })
  // @ts-expect-error: no such option
  AfterwordModule.forRoot({ concurency: 8 })
  class Controller {
    readonly afterword: Afterword
    constructor(afterword: Afterword) {
      this.afterword = afterword
    }
    signUp(to: string, copies: number) {
      expectTypeOf(this.afterword.defer(track, to, copies)).toEqualTypeOf<Deferred<string>>()
      // @ts-expect-error: a number is no string
      this.afterword.defer(track, copies, copies)
    }
  }
  return Controller
}

interface Env {
  readonly KEY: string
}
interface WorkersContext {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
}
interface DenoInfo {
  readonly remoteAddr: { readonly hostname: string }
  readonly completed: Promise<void>
}
interface BunServer {
  upgrade(request: Request): boolean
  stop(): Promise<void>
}

describe('types of the adapters', () => {
  it('take each framework, whose handlers keep their own types', () => {
    expectTypeOf([inExpress, inKoa, inFastify, inHono, inH3, inNest]).items.toBeFunction()
    expectTypeOf(expressAdapter.afterword()).toExtend<RequestHandler>()
    expectTypeOf(attach).parameter(0).not.toBeAny()
    expectTypeOf(register).toEqualTypeOf<(options?: AfterwordOptions) => Promise<void>>()
  })

  it('of a fetch handler are those of the function that is wrapped', () => {
    const answer = async () => new Response()
    expectTypeOf(withAfterword((_: Request) => answer())).toEqualTypeOf<(_: Request) => Promise<Response>>()
    expectTypeOf(withAfterword((_: Request, _env: Env, _ctx: WorkersContext) => answer())).toEqualTypeOf<
      (_: Request, _env: Env, _ctx: WorkersContext) => Promise<Response>
    >()
    expectTypeOf(withAfterword((_: Request, _info: DenoInfo) => new Response())).toEqualTypeOf<
      (_: Request, _info: DenoInfo) => Promise<Response>
    >()
    // Bun: nothing is returned after an upgrade.
    expectTypeOf(
      withAfterword((request: Request, server: BunServer) => (server.upgrade(request) ? undefined : new Response())),
    ).toEqualTypeOf<(request: Request, server: BunServer) => Promise<Response | undefined>>()
    expectTypeOf(withAfterword).parameter(1).toEqualTypeOf<FetchOptions | undefined>()
    // @ts-expect-error: a handler returns a response
    withAfterword((_: Request) => 'text')
    // @ts-expect-error: no such option
    withAfterword(() => new Response(), { limits: 1 })
  })

  it('of a Lambda handler are those of the function that is wrapped', () => {
    interface Event {
      readonly rawPath: string
    }
    interface Context {
      readonly awsRequestId: string
      getRemainingTimeInMillis(): number
    }
    const buffered = async (_event: Event, _context: Context) => ({ statusCode: 200 })
    const streaming = async (_event: Event, stream: Writable, _context: Context) => {
      stream.end()
    }
    expectTypeOf(lambda.withAfterword(buffered)).toEqualTypeOf(buffered)
    expectTypeOf(lambda.withAfterword(streaming)).toEqualTypeOf(streaming)
    // @ts-expect-error: a handler of Lambda is asynchronous
    lambda.withAfterword((_event: Event, _context: Context) => ({ statusCode: 200 }))
  })
})

import 'reflect-metadata'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { All, Controller, HttpException, Module, Req, Res } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { AfterwordModule } from '../../../src/adapters/nest.ts'
import { listening, nodeBody, stage } from '../stage.ts'

// Arguments: `express` or `fastify`.
interface PlatformResponse {
  status(status: number): unknown
  send(body: unknown): unknown
  readonly raw?: ServerResponse
}

class Scenes {
  async play(req: IncomingMessage, reply: PlatformResponse): Promise<void> {
    const httpError = (status: number) => new HttpException('of Nest', status)
    const res = reply.raw ?? (reply as unknown as ServerResponse)
    const answer = await stage.play(String(req.url), { res, address: req, httpError })
    const body = nodeBody(answer)
    reply.status(answer.status)
    if (typeof body === 'string' || reply.raw !== undefined) reply.send(body)
    else pipeline(body, res, () => {})
  }
}
// What the decorators of a Nest project do: this file is run as it is.
const play = Object.getOwnPropertyDescriptor(Scenes.prototype, 'play') as PropertyDescriptor
All(process.argv[2] === 'fastify' ? '*' : '{*path}')(Scenes.prototype, 'play', play)
Req()(Scenes.prototype, 'play', 0)
Res()(Scenes.prototype, 'play', 1)
Controller()(Scenes)

class App {}
Module({ imports: [AfterwordModule.forRoot()], controllers: [Scenes] })(App)

const adapter = process.argv[2] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter()
const app = await NestFactory.create(App, adapter, { logger: false })
await app.listen(0, '127.0.0.1')
listening(Number(new URL(await app.getUrl()).port), () => app.close())

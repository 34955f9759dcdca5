import 'reflect-metadata'
import { writeSync } from 'node:fs'
import { Controller, Get, Global, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import Fastify from 'fastify'
import { afterword } from '../../../src/adapters/fastify.ts'
import { AfterwordModule } from '../../../src/adapters/nest.ts'
import { configure, defer, instance } from '../../../src/index.ts'
import { knock, visit } from './visit.ts'

// A task needs a pool, which a hook of the framework closes. Arguments: the framework, the hook, what closes the app.
const [framework, hook = '', closing] = process.argv.slice(2)
const print = (line: string) => writeSync(1, `${line}\n`)
const settings = { shutdownTimeout: 600_000, slowTask: Infinity, signals: closing !== 'hooks' }

let isOpen = true
const closePool = () => {
  isOpen = false
  return knock('pool closed')
}
function handle(): string {
  defer.with({ timeout: 120_000 })(async function mail() {
    await visit('held mail')
    await knock(isOpen ? 'mail is stored' : 'the pool was closed')
  })
  return 'ok'
}

const { port, close } = framework === 'fastify' ? await startFastify() : await startNest()
if (closing === 'onShutdown') instance().onShutdown(close)
process.on('SIGUSR2', async () => {
  await close()
  process.exit()
})
print(`listening ${port}`)

async function startFastify(): Promise<{ port: number; close: () => Promise<unknown> }> {
  configure(settings)
  const app = Fastify({ forceCloseConnections: true })
  app.register(afterword)
  app.register((plugin, _options, done) => {
    plugin.addHook('onClose', closePool)
    done()
  })
  app.get('/', async () => handle())
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: Number(new URL(address).port), close: () => app.close() }
}

async function startNest(): Promise<{ port: number; close: () => Promise<unknown> }> {
  class Mail {
    send(): string {
      return handle()
    }
  }
  // What the decorators of a Nest project do: this file is run as it is.
  Get()(Mail.prototype, 'send', Object.getOwnPropertyDescriptor(Mail.prototype, 'send') as PropertyDescriptor)
  Controller()(Mail)
  class Pool {}
  Object.defineProperty(Pool.prototype, hook, { value: closePool })
  Injectable()(Pool)
  class Database {}
  Module({ providers: [Pool], exports: [Pool] })(Database)
  // Nest takes global modules for the farthest ones, as it does that of the adapter.
  if (closing === 'close') Global()(Database)
  class Root {}
  Module({ imports: [AfterwordModule.forRoot(settings), Database], controllers: [Mail] })(Root)
  const adapter = framework === 'nest on fastify' ? new FastifyAdapter() : new ExpressAdapter()
  const app = await NestFactory.create(Root, adapter, { logger: false, forceCloseConnections: true })
  if (closing?.startsWith('hooks')) app.enableShutdownHooks()
  await app.listen(0, '127.0.0.1')
  return { port: Number(new URL(await app.getUrl()).port), close: () => app.close() }
}

import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import { All, Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'

test.each([
  { platform: 'Express', adapter: () => new ExpressAdapter() },
  { platform: 'Fastify', adapter: () => new FastifyAdapter() },
])('a full backlog is a 503 to Nest on $platform', async ({ adapter }) => {
  const afterword = new Afterword({ maxBacklog: 1, overload: 'reject' })
  class App {
    play(): void {
      for (let i = 0; i < 10; i++) afterword.defer(() => {})
    }
  }
  // What the decorators of a Nest project do.
  All('/')(App.prototype, 'play', Object.getOwnPropertyDescriptor(App.prototype, 'play') as PropertyDescriptor)
  Controller()(App)
  class Root {}
  Module({ controllers: [App] })(Root)
  const app = await NestFactory.create(Root, adapter(), { logger: false })
  await app.listen(0, '127.0.0.1')
  const { port } = app.getHttpServer().address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/`)
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ statusCode: 503, message: 'Service Unavailable' })
  await app.close()
  await afterword.close()
})

import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { afterword } from '../../../src/adapters/fastify.ts'
import { listening, nodeBody, stage, usesAdapter } from '../stage.ts'

const app = Fastify()
if (usesAdapter) app.register(afterword)
app.all('/*', async (request, reply) => {
  const httpError = (status: number) => Object.assign(new Error('of Fastify'), { statusCode: status })
  const answer = await stage.play(request.url, { res: reply.raw, address: request, httpError })
  return reply.status(answer.status).send(nodeBody(answer))
})
await app.listen({ port: 0, host: '127.0.0.1' })
listening((app.server.address() as AddressInfo).port, () => app.close())

import { describeAdapter } from './adapter.ts'

// `afterword/auto` alone, and together with the adapter: then each task still runs once.
for (const entry of ['auto', 'both']) {
  for (const server of ['koa', 'fastify', 'hono', 'h3']) {
    describeAdapter({ server, args: [entry], runtimes: ['Node 24'] })
  }
  describeAdapter({ server: 'express', args: ['express', entry], runtimes: ['Node 24'] })
}

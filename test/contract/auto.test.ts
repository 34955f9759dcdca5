import { describeAdapter } from './adapter.ts'

// `afterword/auto` alone, and together with the adapter: then each task still runs once.
for (const door of ['auto', 'both']) {
  for (const server of ['koa', 'fastify', 'hono', 'h3']) {
    describeAdapter({ server, args: [door], runtimes: ['Node 24'] })
  }
  describeAdapter({ server: 'express', args: ['express', door], runtimes: ['Node 24'] })
}

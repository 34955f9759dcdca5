import { describeAdapter } from './adapter.ts'

describeAdapter({ server: 'fetch', runtimes: ['Bun'], limits: { lateWrites: false, httpErrors: false } })
describeAdapter({
  server: 'fetch',
  runtimes: ['Deno'],
  limits: { lateWrites: false, httpErrors: false, earlyAborts: false },
})

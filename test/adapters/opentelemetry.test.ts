import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import type { Message } from '../support/program.ts'
import { http1Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

interface Traced extends Message {
  readonly event: string
  readonly path: string
  readonly trace: string | null
}

describe.each(http1Hosts.flatMap((host) => (['before', 'after'] as const).map((order) => ({ ...host, order }))))(
  'the HTTP instrumentation of OpenTelemetry, loaded $order Afterword, $protocol on Node $node',
  ({ order, ...host }) => {
    let site: Site
    beforeAll(async () => {
      site = await Site.open(new URL('programs/opentelemetry.ts', import.meta.url), { host, args: [order] })
      return () => site[Symbol.asyncDispose]()
    })
    const traceOf = async (event: string, path: string) => {
      const { trace } = await site.program.message<Traced>(
        'trace',
        (told) => told.event === event && told.path === path,
      )
      return trace
    }

    test('a task runs after the response, and after the end of the span of its request, within the trace of that', async () => {
      await site.ask('/task')
      expect(await site.account()).toEqual(account([run({ path: '/task' })]))
      const trace = await traceOf('handler', '/task')
      expect(trace).toMatch(/^[0-9a-f]{32}$/)
      const told = site.program.messages.filter(({ type, path }) => type === 'trace' && path === '/task')
      expect(told.map(({ event, trace }) => [event, trace])).toEqual(
        ['handler', 'span of the request', 'task'].map((event) => [event, trace]),
      )
    })

    test('a report comes within the trace of the request', async () => {
      await site.ask('/fails')
      expect(await traceOf('report', '/fails')).toBe(await traceOf('handler', '/fails'))
      expect(await site.account()).toEqual(account([], ['AFTERWORD_TASK_FAILED']))
    })

    test('a span that a task makes belongs to the trace of the request', async () => {
      await site.ask('/spans')
      expect(await traceOf('span', '/spans')).toBe(await traceOf('handler', '/spans'))
      expect(await site.account()).toEqual(account([run({ path: '/spans' }, 'spans')]))
    })
  },
)

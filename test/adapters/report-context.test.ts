import { beforeAll, describe, expect, test } from 'vitest'
import type { Message } from '../support/program.ts'
import { type Host, hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const some: readonly Host[] = hosts.filter(({ protocol }) => protocol === 'HTTP/1.1' || protocol === 'h2')

describe.each(some)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/report-context.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each([
    ['/throws', 'AFTERWORD_TASK_FAILED'],
    ['/rejects', 'AFTERWORD_TASK_FAILED'],
    ['/retried', 'AFTERWORD_TASK_FAILED'],
    ['/batch', 'AFTERWORD_BATCH_FAILED'],
    ['/share-of-a-batch', 'AFTERWORD_BATCH_FAILED'],
    ['/backoff', 'AFTERWORD_CALLBACK_FAILED'],
    ['/backoff', 'AFTERWORD_TASK_FAILED'],
    ['/times-out', 'AFTERWORD_TASK_TIMED_OUT'],
    ['/times-out', 'AFTERWORD_LATE_REJECTION'],
    ['/slow', 'AFTERWORD_SLOW_TASK'],
    ['/promised', 'AFTERWORD_TASK_FAILED'],
    ['/on-sent', 'AFTERWORD_TASK_FAILED'],
    ['/late-write', 'AFTERWORD_LATE_WRITE'],
    ['/stuck', 'AFTERWORD_STUCK'],
  ])('%s: %s is reported in the AsyncLocalStorage context of its request', async (path, code) => {
    const user = `${path} ${code}`
    void site.visit(path, { headers: { 'x-user': user } })
    await site.program.message('report', (report: Message & { code?: string; user?: string }) => {
      return report.code === code && report.user === user
    })
  })

  test('a task without a name that timed out is told by the place of its defer', async () => {
    const { message } = await site.program.message<Message & { code: string; message: string }>(
      'report',
      ({ code }) => code === 'AFTERWORD_TASK_TIMED_OUT',
    )
    expect(message).toMatch(/^The task "anonymous" \(.*\) did not end .* was deferred at .*report-context\.ts:\d+:\d+/)
  })
})

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { App, type AppOptions } from './app.ts'

const flag = '--disable-warning=ExperimentalWarning'
const programs = new URL('programs/', import.meta.url)
const file = (name: string) => fileURLToPath(new URL(name, programs))

describe.each([22, 24, 26] as const)('a cluster, on Node %i', (node) => {
  const start = (options: AppOptions = {}) =>
    // A group of its own, as a shell makes one.
    App.start({ node, command: (node) => ['setsid', node, flag, file('cluster.ts')], ...options })

  async function requests(app: App): Promise<void> {
    await app.printed(/(listening \d+\s+){2}/)
    // The workers take connections by turns.
    await app.request()
    await app.request()
  }

  const drained = ['held mail ended', 'held mail ended', 'onShutdown', 'onShutdown']

  test.each([
    { who: 'the primary process', target: (pid: number) => pid },
    { who: 'the whole group', target: (pid: number) => -pid },
  ])('SIGTERM to $who: each worker runs its tasks, then the primary exits', async ({ target }) => {
    await using app = await start()
    await requests(app)
    process.kill(target(app.pid), 'SIGTERM')
    await app.visited('stopping', 2)
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits.filter((visit) => drained.includes(visit)).sort()).toEqual(drained)
    expect(app.stderr).toBe('')
  })

  test('kill -9 of the primary: each worker runs its tasks', async () => {
    await using app = await start()
    await requests(app)
    process.kill(app.pid, 'SIGKILL')
    await app.gate.visited('stopping', 2)
    app.gate.release()
    // The output of all of them has ended.
    await app.exited
    expect(app.gate.visits.filter((visit) => drained.includes(visit)).sort()).toEqual(drained)
  })

  test('SIGTERM to a primary that listens itself: it disconnects its workers, and is waited for', async () => {
    await using app = await start({ env: { OWN: 'yes' } })
    await requests(app)
    process.kill(app.pid, 'SIGTERM')
    await app.stoppedListening()
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits.filter((visit) => visit === 'held mail ended')).toHaveLength(2)
  })
})

describe.each([22, 24, 26] as const)('a server in a worker thread, on Node %i', (node) => {
  const start = (what: string) =>
    App.start({ node, request: true, command: (node) => [node, flag, file('threads.ts'), what] })

  test('SIGTERM waits for its tasks if the main thread has the package', async () => {
    await using app = await start('both')
    app.kill('SIGTERM')
    await app.stoppedListening()
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toEqual(['held mail', 'held mail ended', 'onShutdown', 'onShutdown ended'])
    expect(app.stderr).toBe('')
  })

  test('is reported if the main thread does not have it', async () => {
    await using app = await start('one')
    await app.printed(/AFTERWORD_NO_SIGNALS: /)
    app.kill('SIGTERM')
    expect(await app.exited).toBe(null)
  })

  test('is not reported with signals: false', async () => {
    await using app = await start('neither')
    app.kill('SIGTERM')
    expect(await app.exited).toBe(null)
    expect(app.stderr).toBe('')
  })
})

describe('the first process of a container', () => {
  const rights = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']

  test.each(['SIGTERM', 'SIGINT'] as const)('%s waits for a task, also before the first request', async (signal) => {
    for (const request of [true, false]) {
      const command = (node: string, file: string) => [
        'unshare',
        ...rights,
        '--pid',
        '--fork',
        '--kill-child',
        node,
        flag,
        file,
      ]
      await using app = await App.start({ request, command, env: { ENTRY: 'express' } })
      process.kill(childOf(app.pid), signal)
      if (request) await app.stoppedListening()
      app.gate.release()
      expect(await app.exited).toBe(0)
      expect(app.gate.visits.at(-1)).toBe('onShutdown')
      expect(app.gate.visits.includes('held mail ended')).toBe(request)
    }
  })
})

/** The one process that a process has started. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
}

import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { startWorker } from '../support/worker.ts'

const program = new URL('programs/worker.ts', import.meta.url)

/** A worker, and what it tells. */
class Site implements AsyncDisposable {
  readonly told: string[] = []
  readonly #worker: ReturnType<typeof startWorker>
  readonly #listeners = new Set<() => void>()

  /** @param reply what a teller waits for */
  constructor(name: string, reply: (told: string) => Promise<unknown> = () => Promise.resolve()) {
    const listen = async (request: { text(): Promise<string> }) => {
      const told = await request.text()
      this.told.push(told)
      for (const listener of this.#listeners) listener()
      await reply(told)
      return new Response('fine')
    }
    this.#worker = startWorker(program, name, { serviceBindings: { TEST: listen as never } })
  }

  async get(path: string): Promise<string> {
    const worker = await this.#worker
    return (await worker.dispatchFetch(`http://worker${path}`)).text()
  }

  /** Resolves when that many things were told. */
  async tells(count: number): Promise<string[]> {
    while (this.told.length < count) {
      await new Promise<void>((resolve) => this.#listeners.add(resolve))
    }
    return this.told
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#worker).dispose()
  }
}

test('Workers: tasks that exceed the time after the response are reported by name, and running ones time out', async () => {
  await using site = new Site('limited', (told) =>
    told.startsWith('first') ? new Promise(() => {}) : Promise.resolve(),
  )
  expect(await site.get('/slow')).toBe('fine')
  const [first, ...reports] = await site.tells(3)
  expect(first).toBe('first of /slow')
  expect(reports).toEqual([
    expect.stringMatching(/"first" \(.*\) did not end within \d+(\.\d+)? ms/),
    expect.stringMatching(/"second" \(.*\) did not run: the time that the host gives/),
  ])
})

test('Workers: requests that overlap keep their tasks to themselves', async () => {
  const all = Promise.withResolvers<void>()
  let waiting = 0
  await using site = new Site('unlimited', (told) => {
    if (!told.startsWith('first')) return Promise.resolve()
    if (++waiting === 3) all.resolve()
    return all.promise
  })
  const paths = ['/a', '/b', '/c']
  expect(await Promise.all(paths.map((path) => site.get(path)))).toEqual(['fine', 'fine', 'fine'])
  const told = await site.tells(6)
  expect(told.slice(0, 3).sort()).toEqual(paths.map((path) => `first of ${path}`))
  expect(told.slice(3).sort()).toEqual(paths.map((path) => `second of ${path}`))
})

test('Workers: defer() without an adapter gives one report that names the fix, and the tasks run', async () => {
  await using site = new Site('bare')
  expect(await site.get('/stray')).toBe('fine')
  const told = await site.tells(1)
  expect(told.find((text) => text.includes('no adapter'))).toMatch(/defer was called in a request/)
})

// The first date with `nodejs_compat` as it is now; before and after `process` became an object with events; today.
test.each(['2024-09-23', '2025-09-14', '2025-09-15', '2026-07-01'])(
  'Workers of %s: withAfterword keeps the `this` of a method, and a failing task is printed',
  async (compatibilityDate) => {
    const printed = Promise.withResolvers<void>()
    let output = ''
    const worker = await startWorker(program, 'failing', {
      compatibilityDate,
      handleRuntimeStdio(_stdout: Readable, stderr: Readable) {
        stderr.on('data', (data: Buffer) => {
          output += data
          if (output.includes('no mail server')) printed.resolve()
        })
      },
    })
    try {
      expect(await (await worker.dispatchFetch('http://worker/')).text()).toBe('hello')
      await printed.promise
      expect(output).toContain('AFTERWORD_TASK_FAILED')
    } finally {
      await worker.dispose()
    }
  },
)

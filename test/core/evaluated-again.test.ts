import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { Afterword, type Batch, type Job } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

const folder = mkdtempSync(join(tmpdir(), 'afterword-again-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Evaluates a module of jobs, as Node does: each evaluation has a query of its own. */
let evaluations = 0
async function evaluate<M>(name: string, code: string, afterword: Afterword): Promise<M> {
  const path = join(folder, name)
  writeFileSync(path, code)
  Object.assign(globalThis, { afterword })
  return (await import(`${pathToFileURL(path)}?t=${++evaluations}`)) as M
}

const ran: string[] = []
beforeEach(() => {
  ran.length = 0
  Object.assign(globalThis, { ran })
})

type Send = { Send: Job<[string]> }
const send = (word: string, before = '') => `${before}
  const { afterword, ran } = globalThis
  export const Send = afterword.job('send', (to) => void ran.push('${word} ' + to))`

describe('job(), in a module that is evaluated again', () => {
  it('defines the job again: each handle runs its own handler', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const first = await evaluate<Send>('jobs.mjs', send('first'), afterword)
    const same = await evaluate<Send>('jobs.mjs', send('first'), afterword)
    const edited = await evaluate<Send>('jobs.mjs', send('edited', '// A line more.\n\n'), afterword)
    first.Send.defer('a')
    same.Send.defer('b')
    edited.Send.defer('c')
    await afterword.drain()
    expect(ran).toEqual(['first a', 'first b', 'edited c'])
    expect(reports.codes).toEqual([])
  })

  it('runs what is stored with the latest definition; a run under way goes on with its own', async () => {
    const journal = join(folder, 'journal')
    await using afterword = new Afterword({ journal })
    const waiting = (word: string) => `
      const { afterword, ran } = globalThis
      export const Wait = afterword.job('wait', async (name, go) => {
        ran.push('${word} begins ' + name)
        await globalThis.until
        ran.push('${word} ends ' + name)
      }, { concurrency: 1 })`
    const until = Promise.withResolvers<void>()
    Object.assign(globalThis, { until: until.promise })
    const first = await evaluate<{ Wait: Job<[string]> }>('waiting.mjs', waiting('first'), afterword)
    first.Wait.defer('a')
    while (ran.length === 0) await new Promise(setImmediate)
    // There is no room for the second call: it is stored, until a worker claims it.
    await first.Wait.with({ delay: 1 }).dispatch('b')
    await evaluate('waiting.mjs', waiting('second'), afterword)
    until.resolve()
    while (ran.length < 4) await new Promise(setImmediate)
    expect(ran).toEqual(['first begins a', 'first ends a', 'second begins b', 'second ends b'])
  })

  it('counts the runs of all definitions for concurrency, and heeds the latest limits', async () => {
    await using afterword = new Afterword()
    const limited = (concurrency: number) => `
      const { afterword } = globalThis
      let running = 0
      export const Count = afterword.job('count', async () => {
        globalThis.most = Math.max(globalThis.most, ++globalThis.running)
        await new Promise(setImmediate)
        globalThis.running--
      }, { concurrency: ${concurrency} })`
    const run = async (handles: readonly { Count: Job<[]> }[]) => {
      Object.assign(globalThis, { running: 0, most: 0 })
      for (let i = 0; i < 4; i++) for (const { Count } of handles) Count.defer()
      await afterword.drain()
      return (globalThis as unknown as { most: number }).most
    }
    const first = await evaluate<{ Count: Job<[]> }>('limited.mjs', limited(1), afterword)
    const second = await evaluate<{ Count: Job<[]> }>('limited.mjs', limited(1), afterword)
    expect(await run([first, second])).toBe(1)
    const third = await evaluate<{ Count: Job<[]> }>('limited.mjs', limited(2), afterword)
    expect(await run([first, second, third])).toBe(2)
  })

  it('reports nothing for a job that is defined in a constructor, each time with its own handler', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    class MailService {
      readonly name: string
      readonly Send: Job<[string]>
      constructor(name: string) {
        this.name = name
        this.Send = afterword.job('send', (to: string) => void ran.push(`${this.name} ${to}`))
      }
    }
    const one = new MailService('one')
    const two = new MailService('two')
    one.Send.defer('a')
    two.Send.defer('b')
    await afterword.drain()
    expect(ran).toEqual(['one a', 'two b'])
    expect(reports.codes).toEqual([])
  })

  it('reports nothing for two copies of a package, or for one handler under one name', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const { mkdirSync } = await import('node:fs')
    for (const app of ['a', 'b']) mkdirSync(join(folder, app, 'node_modules/mailer'), { recursive: true })
    await evaluate('a/node_modules/mailer/jobs.mjs', send('x'), afterword)
    await evaluate('b/node_modules/mailer/jobs.mjs', send('x'), afterword)
    const handler = () => {}
    afterword.job('shared', handler)
    afterword.job('shared', handler)
    expect(reports.codes).toEqual([])
  })
})

describe('two jobs of one name', () => {
  it('job() reports them once, with both places, and each handle runs its own', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const one = await evaluate<Send>('one.mjs', send('one'), afterword)
    const two = await evaluate<Send>('two.mjs', send('two'), afterword)
    await evaluate<Send>('one.mjs', send('one'), afterword)
    expect(reports.codes).toEqual(['AFTERWORD_DUPLICATE_JOB'])
    const { message } = reports.all[0]!.error
    expect(message).toContain(`${join(folder, 'one.mjs')}:`)
    expect(message).toContain(`${join(folder, 'two.mjs')}:`)
    one.Send.defer('a')
    two.Send.defer('b')
    await afterword.drain()
    expect(ran).toEqual(['one a', 'two b'])
  })

  it('job() tells them apart in one module, also where a function of the app defines them', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    await evaluate('both.mjs', `afterword.job('both', () => 1)\nafterword.job('both', () => 2)`, afterword)
    const helped = `export const define = (handler) => afterword.job('helped', handler)`
    writeFileSync(join(folder, 'define.mjs'), helped)
    for (const n of [1, 2]) {
      await evaluate(`helped${n}.mjs`, `import { define } from './define.mjs'\ndefine(() => ${n})`, afterword)
    }
    expect(reports.all.map(({ error }) => /"\w+"/.exec(error.message)?.[0])).toEqual(['"both"', '"helped"'])
    expect(reports.all[1]?.error.message).toMatch(/called at .*helped1\.mjs:.*helped2\.mjs:/)
  })

  it('batch() is told from a job of its name', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    afterword.job('mixed', () => {})
    afterword.batch('mixed', () => {})
    expect(reports.codes).toEqual(['AFTERWORD_DUPLICATE_JOB'])
  })
})

describe('batch(), in a module that is evaluated again', () => {
  it('defines the batch again: items that wait run with their own handler', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const batch = (word: string) => `
      const { afterword, ran } = globalThis
      export const Count = afterword.batch('count', (items) => void ran.push('${word} ' + items), { size: 2 })`
    const first = await evaluate<{ Count: Batch<number> }>('batch.mjs', batch('first'), afterword)
    first.Count.defer(1)
    const second = await evaluate<{ Count: Batch<number> }>('batch.mjs', batch('second'), afterword)
    second.Count.defer(2)
    first.Count.defer(3)
    while (ran.length === 0) await new Promise(setImmediate)
    await afterword.drain()
    expect(ran.sort()).toEqual(['first 1,3', 'second 2'])
    expect(reports.codes).toEqual([])
  })
})

describe('a definition that is refused', () => {
  it.each(['job', 'batch'] as const)('%s() leaves the name free', async (kind) => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const wrong = { retries: -1 }
    const define = afterword[kind].bind(afterword) as (name: string, handler: () => void, options?: object) => unknown
    expect(() => define('a', () => {}, wrong)).toThrow(expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION' }))
    define('a', () => {})
    expect(reports.codes).toEqual([])
  })
})

describe('close()', () => {
  it('frees the names of jobs', async () => {
    const afterword = new Afterword()
    using reports = new Reports()
    afterword.job('a', () => 1)
    await afterword.close()
    afterword.configure({})
    afterword.job('a', () => 2)
    expect(reports.codes).toEqual([])
    await afterword.close()
  })

  it('leaves handles in use: started anew, a kept call is run from the journal', async () => {
    const afterword = new Afterword({ journal: join(folder, 'one') })
    const Send = afterword.job('send', (to: string) => void ran.push(to))
    await afterword.close()
    afterword.configure({ journal: join(folder, 'two') })
    await Send.with({ delay: 1 }).dispatch('a')
    while (ran.length === 0) await new Promise(setImmediate)
    expect(ran).toEqual(['a'])
    await afterword.close()
  })
})

describe('configure(), a second time', () => {
  it('changes nothing with the same options, also after the first use', async () => {
    const key = () => Buffer.alloc(32, 7)
    const options = () => ({ maxBacklog: 7, journal: { path: join(folder, 'same'), encrypt: { key: key() } } })
    await using afterword = new Afterword(options())
    afterword.configure(options())
    await afterword.job('a', () => {}).defer().outcome
    afterword.configure(options())
  })

  it.each([
    { title: 'an option more', options: { maxBacklog: 7, maxWait: 5 } },
    { title: 'an option less', options: {} },
    { title: 'another folder', options: { maxBacklog: 7, journal: { path: 'elsewhere' } } },
  ])('throws for other options: $title', async ({ options }) => {
    await using afterword = new Afterword({ maxBacklog: 7 })
    expect(() => afterword.configure(options)).toThrow(expect.objectContaining({ code: 'AFTERWORD_ALREADY_STARTED' }))
  })
})

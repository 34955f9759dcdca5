import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Sibling } from '../journal/sibling.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

let root: string
let folder: string
let target: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'afterword-backup-'))
  folder = join(root, 'journal')
  target = join(root, 'copy')
})
afterEach(() => rmSync(root, { recursive: true }))

function afterword(...args: string[]) {
  const flags = ['--disable-warning=ExperimentalWarning', main]
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, ...args], {
    encoding: 'utf8',
    maxBuffer: Infinity,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  return { status, stdout, stderr }
}

test('afterword backup copies a journal that is in use, and the copy runs its jobs', async () => {
  await using one = await Sibling.start(folder, { options: { worker: false } })
  const ids = [
    await one.defer('hang', ['deferred']).id,
    await one.dispatch('note', ['dispatched'], { delay: 1 }),
    await one.dispatch('note', ['later'], { delay: 3_600_000 }),
  ]
  // The dispatched ones are on their way to the shared database, which is made with the first.
  await expect.poll(() => existsSync(join(folder, 'shared.db-wal')), { timeout: 10_000 }).toBe(true)
  const { status, stdout, stderr } = afterword('backup', folder, target)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(stdout).toBe(`2 databases and 1 log are in "${target}" now.\n`)
  expect(readdirSync(target).sort()).toEqual(['1.db', '1.lock', '1.log', 'shared.db'])
  const modes = [target, ...readdirSync(target).map((name) => join(target, name))]
  expect(modes.map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(['700', '600', '600', '600', '600'])

  // The journal goes on, as if nothing had been.
  await one.defer('note', ['after']).outcome
  expect(one.reports).toEqual([])
  const listed = JSON.parse(afterword('list', target, '--json').stdout) as { id: string }[]
  expect(listed.map(({ id }) => id).sort()).toEqual(ids.sort())

  await using two = await Sibling.start(target)
  expect((await two.ran('deferred')).id).toBe(ids[0])
  expect((await two.ran('dispatched')).id).toBe(ids[1])
  expect(two.reports).toEqual([])
})

test('afterword backup copies all that was accepted before it, while records come and go', async () => {
  const script = `
    import { configure, job } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    configure({ journal: ${JSON.stringify(folder)}, worker: false })
    const Short = job('short', () => {})
    const Stays = job('stays', () => new Promise(() => {}))
    let n = 0
    const stored = []
    const turn = async () => {
      await Promise.all([Short.defer('x'.repeat(3000)).accepted, Short.with({ delay: 1 }).dispatch('later')])
      if (n++ < 20) stored.push(Stays.defer(n).id)
      if (n === 20) process.send(stored)
      setImmediate(turn)
    }
    void turn()`
  const { fork } = await import('node:child_process')
  const child = fork('-', [], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    env: { ...process.env, NODE_OPTIONS: '' },
    silent: true,
  })
  try {
    const stored = await new Promise<string[]>((resolve) => child.once('message', (ids) => resolve(ids as string[])))
    for (let i = 0; i < 3; i++) {
      const copy = `${target}-${i}`
      expect(afterword('backup', folder, copy)).toMatchObject({ status: 0, stderr: '' })
      const listed = JSON.parse(afterword('list', copy, '--json').stdout) as { id: string; job: string }[]
      const stays = listed.filter(({ job }) => job === 'stays').map(({ id }) => id)
      expect(stays).toEqual(expect.arrayContaining(stored))
    }
  } finally {
    child.kill('SIGKILL')
  }
})

test("afterword backup copies an app's own database", async () => {
  const file = join(root, 'app.db')
  using database = new DatabaseSync(file)
  database.exec('CREATE TABLE orders (n); INSERT INTO orders VALUES (7)')
  await using app = new Afterword({ journal: { database }, shutdownTimeout: 0 })
  await app
    .job('send', () => {})
    .with({ delay: 3_600_000 })
    .dispatch()
  expect(afterword('backup', file, target, '--json')).toEqual({
    status: 0,
    stdout: `${JSON.stringify({ target, databases: 1, logs: 0 })}\n`,
    stderr: '',
  })
  using copy = new DatabaseSync(target)
  expect(copy.prepare('SELECT n FROM orders').all()).toEqual([{ n: 7 }])
  expect(copy.prepare('SELECT job FROM afterword_records').all()).toEqual([{ job: 'send' }])
})

test('afterword backup leaves a target that exists alone, and a place that is no journal', async () => {
  const app = new Afterword({ journal: folder })
  await app.job('send', () => {}).defer().accepted
  await app.close()
  cpSync(folder, target, { recursive: true })
  const before = readdirSync(target)
  expect(afterword('backup', folder, target)).toMatchObject({ status: 1, stderr: `"${target}" exists already.\n` })
  expect(readdirSync(target)).toEqual(before)
  expect(afterword('backup', root, join(root, 'other')).status).toBe(1)
  expect(existsSync(join(root, 'other'))).toBe(false)
  expect(afterword('backup', folder).status).toBe(2)
})

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compiled } from './build.ts'
import { Disk } from './disk.ts'
import { Host } from './host.ts'
import { randoms } from './random.ts'
import type { Server } from './server.ts'
import { type Call, callsIn, canTrace, tracer } from './trace.ts'

/** `SEED=1 CUTS=1000 npx vitest run test/crash/power-loss` for others, and for more. */
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32))
const mostCuts = Number(process.env.CUTS ?? 50)

const { Afterword, subscribe } = (await import(compiled('src/index.ts').href)) as typeof import('../../src/index.ts')

const requests = 300
const fillerSize = 3000

/** A request whose job never ends, and the calls that wrote its record first, and its answer. */
interface Kept {
  readonly what: string
  readonly write: Call
  readonly answer: Call
}

async function load(server: Server): Promise<void> {
  let next = 0
  const client = async () => {
    for (let n = next++; n < requests; n = next++) {
      await server.keep(
        `/${n % 10 === 0 ? 'wait' : 'note'}/request-${n}-?size=${fillerSize}${n % 3 === 0 ? '&delay=0' : ''}`,
      )
    }
  }
  await Promise.all([client(), client(), client(), client()])
}

function keptIn(calls: readonly Call[]): Kept[] {
  return calls.flatMap((answer) => {
    const [, what] = /kept (request-\d*0-)$/.exec(answer.data.toString('latin1')) ?? []
    const write = calls.find(({ name, data }) => name === 'pwrite64' && what !== undefined && data.includes(what))
    return what === undefined || write === undefined ? [] : [{ what, write, answer }]
  })
}

/** Recovers a journal in a folder. @returns all runs that are expected, or as many as there are, and those that nobody has called like that */
async function recovered(folder: string, expected: readonly string[]) {
  await using afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
  const found = new Set<string>()
  const invented: unknown[] = []
  const all = Promise.withResolvers<void>()
  const run = (what: string, filler: string) => {
    found.add(what)
    const [, n] = /^request-(\d+)-$/.exec(what) ?? []
    if (Number(n ?? requests) >= requests || filler !== ' '.repeat(fillerSize)) invented.push([what, filler])
    if (expected.every((what) => found.has(what))) all.resolve()
  }
  for (const name of ['note', 'wait']) afterword.job(name, run)
  using _timer = setTimeout(all.resolve, expected.length > 0 ? 60_000 : 0)
  await all.promise
  // What else there is has been read by then.
  await expect.poll(() => readdirSync(folder).filter((name) => name.endsWith('.log')), { timeout: 20_000 }).toEqual([])
  return { found, invented }
}

/** Chooses points at which the power is cut, in order. Half of them are amid a checkpoint, which is rare. */
function cutsIn(calls: readonly Call[], first: number, count: number, random: () => number): number[] {
  const any = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const places = [...calls.keys()].slice(first)
  const rare = places.filter((place) => calls[place]?.file.endsWith('.db'))
  const cuts = Array.from({ length: count }, (_, i) =>
    i % 2 && rare.length > 0 ? any(rare) + any([0, 1, 2]) : any(places),
  )
  return cuts.sort((a, b) => a - b)
}

describe.skipIf(!canTrace)(`power cuts, seed ${seed}`, () => {
  test.each(['full', 'normal'] as const)(
    'sync: %s: any files that a power cut leaves can be opened, and have the promised records',
    async (sync) => {
      await using host = new Host()
      const trace = join(host.folder, 'trace')
      const server = await host.start('traced', { sync, under: tracer(trace) })
      await load(server)
      await server.kill()
      const calls = callsIn(trace)
      const kept = keptIn(calls)
      expect(kept).toHaveLength(30)

      const random = randoms(seed)
      const first = calls.indexOf(kept[0]?.answer as Call)
      const disk = new Disk(host.journal)
      const damaged: Error[] = []
      using _subscription = {
        [Symbol.dispose]: subscribe('report', ({ error }) => {
          if (error.code === 'AFTERWORD_JOURNAL_DAMAGED') damaged.push(error)
        }),
      }
      let done = 0
      for (const [cut, end] of cutsIn(calls, first, sync === 'full' ? mostCuts : mostCuts / 5, random).entries()) {
        for (; done <= end && done < calls.length; done++) disk.apply(calls[done] as Call)
        const before = calls.slice(0, done)
        /** With `full` what was answered; with `normal` what happened to be synced. */
        const isPromised = ({ answer, write }: Kept) =>
          sync === 'full'
            ? before.includes(answer)
            : before.some(
                ({ name, file, begun }) => name.endsWith('sync') && file === write.file && begun > write.ended,
              )
        const folder = join(host.folder, `cut-${cut}`)
        disk.write(folder, random)
        const promised = kept.filter(isPromised).map(({ what }) => what)
        const { found, invented } = await recovered(folder, promised)
        const lost = promised.filter((what) => !found.has(what))
        // A hole in a log, or in the WAL of a database, that was not synced can't be told from damage.
        const wrong = sync === 'full' ? damaged : damaged.filter(({ message }) => !/\.log|\.db-wal"/.test(message))
        expect({ cut, lost, invented, wrong }).toEqual({ cut, lost: [], invented: [], wrong: [] })
      }
    },
    60_000 + 3000 * mostCuts,
  )
})

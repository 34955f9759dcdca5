import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Host } from './host.ts'
import type { Server } from './server.ts'

/** `MOVES=200 npx vitest run test/crash/moved-folder` for more. */
const moves = Number(process.env.MOVES ?? 9)
const kinds = ['/note/$', '/note/$?delay=0', '/note/$?key', '/nest/$', '/note/$?late', '/note/$?delay=5']
/** The kinds that a process runs itself, whatever becomes of the files. */
const own = ['/note/$', '/nest/$', '/note/$?late']

/** The ways in which a folder goes from under the processes. */
const ways: ((journal: string, aside: string) => void)[] = [
  (journal, aside) => renameSync(journal, aside),
  (journal, aside) => {
    renameSync(journal, aside)
    mkdirSync(journal, { mode: 0o700 })
  },
  (journal) => rmSync(journal, { recursive: true }),
]

/** Asks a server for jobs of all kinds, one after the other, until it is over. @returns what was answered by 200, and its kind */
async function load(server: Server, over: AbortSignal): Promise<Map<string, string>> {
  const answered = new Map<string, string>()
  for (let n = 0; !over.aborted; n++) {
    const kind = kinds[n % kinds.length] as string
    const what = `${server.name}-${n}`
    if ((await server.ask(kind.replace('$', what))) === 200) answered.set(what, kind)
  }
  return answered
}

const lossesOf = ({ reports }: Server) => reports.filter(({ code }) => code === 'AFTERWORD_JOURNAL_LOST').length

/** Asks a server until a call is dispatched: where a write fails amid the move, the connection is broken. */
async function dispatched(server: Server, move: number): Promise<string> {
  for (let n = 0; ; n++) {
    const what = `${server.name}-after-${move}-${n}`
    const status = await server.ask(`/note/${what}?delay=0`)
    if (status === 200) return what
    if (![503, undefined].includes(status) || n > 1000) await server.keep(`/note/${what}`)
  }
}

test(
  `a folder that is moved away, replaced or deleted under load, ${moves} times: no call runs twice, and what is in memory runs`,
  async () => {
    await using host = new Host()
    const servers = await Promise.all(['one', 'two', 'three'].map((name) => host.start(name)))
    const over = new AbortController()
    const loads = servers.map((server) => load(server, over.signal))
    for (let move = 0; move < moves; move++) {
      const way = ways[move % ways.length] as (journal: string, aside: string) => void
      const told = servers.map(lossesOf)
      try {
        way(host.journal, join(host.folder, `aside-${move}`))
      } catch (error) {
        // A process makes files in the folder while it is being deleted.
        if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
      }
      for (const [i, server] of servers.entries()) {
        const isTold = () => lossesOf(server) > (told[i] as number)
        if (!isTold()) await server.program.message('report', isTold)
      }
      // Each process has a slot in the new folder.
      for (const server of servers) await host.ledger.run(await dispatched(server, move))
    }
    over.abort()
    const answered = new Map((await Promise.all(loads)).flatMap((each) => [...each]))
    await host.emptied()
    const inMemory = [...answered].flatMap(([what, kind]) => (own.includes(kind) ? [what] : []))
    expect(inMemory.length).toBeGreaterThan(moves)
    await host.ledger.until(() => inMemory.every((what) => host.ledger.ended.has(what)), 'all that is in memory')
    const runs = Map.groupBy(host.ledger.runs, ({ what }) => what)
    const twice = [...runs.values()].filter(({ length }) => length > 1)
    console.log(`${moves} moves: ${answered.size} answered, ${runs.size} ran, ${twice.length} twice`)
    expect(twice).toEqual([])
  },
  60_000 + 10_000 * moves,
)

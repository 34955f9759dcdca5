import { AsyncLocalStorage } from 'node:async_hooks'
import '../../../src/adapters/auto.ts'
import { defer } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { note, serve } from '../../support/stage.ts'

// Counts what of past requests is still in memory. Argument: the protocol.
const collect = (globalThis as { gc?: () => void }).gc!
const stores = new AsyncLocalStorage<object>()
const kinds = ['request', 'argument', 'store'] as const
const alive = { request: [], argument: [], store: [] } as Record<(typeof kinds)[number], WeakRef<object>[]>
const count = () => Object.fromEntries(kinds.map((kind) => [kind, alive[kind].filter((ref) => ref.deref()).length]))

/** The work of a timer, which holds on to nothing itself. */
function nothing(): void {}

async function countWhatIsKept(): Promise<Record<string, number>> {
  // What a turn of the event loop still refers to is free in a later one.
  for (let turn = 0; turn < 20 && Object.values(count()).some((left) => left > 0); turn++) {
    await new Promise(setImmediate)
    collect()
  }
  return count()
}

serve(
  createServer(process.argv[2], async (req, res) => {
    if (req.url === '/kept') return res.end(JSON.stringify(await countWhatIsKept()))
    // The timer by which Node renews that header belongs to the request that happened to set it.
    res.sendDate = false
    if (req.url === '/last') return res.end()
    if (req.url === '/nothing-deferred') {
      alive.request.push(new WeakRef(req))
      // A cache may keep such a timer for long.
      setTimeout(nothing, 600_000).unref()
      return res.end('hello')
    }
    const argument = { large: 'x'.repeat(1000) }
    const store = {}
    alive.request.push(new WeakRef(req))
    alive.argument.push(new WeakRef(argument))
    alive.store.push(new WeakRef(store))
    stores.run(store, () => {
      defer(({ large }) => note(String(large.length)), argument)
      res.end('hello')
    })
  }),
)

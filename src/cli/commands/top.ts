import { clearTimeout, setTimeout } from '../../clock.ts'
import { type Command, takesNoId } from '../command.ts'
import { table } from '../table.ts'
import { complain } from '../terminal.ts'
import { History } from '../top/history.ts'
import { Screen } from '../top/screen.ts'
import { counted, type Snapshot, Snapshots, totalsOf } from '../top/snapshot.ts'
import { drawn, orders, type ViewSettings } from '../top/top-view.ts'

/** The interval in ms at which a snapshot is taken. */
const interval = 1000

export const top: Command = {
  takes: '<folder|url> [--limit n]',
  does: 'what runs, waits and has failed, live in the terminal',
  place: 'folder or URL',
  options: ['json', 'limit'],
  wrong(input) {
    if (input.limit !== undefined && !input.json) return 'takes --limit only with --json'
    return takesNoId.call(this, input)
  },
  async *run({ place, json, limit = Infinity }) {
    await using snapshots = new Snapshots(place)
    if (json) {
      for (let line = 0; line < limit; line++) {
        if (line > 0) await pause()
        yield `${jsonOf(await snapshots.take())}\n`
      }
      return true
    }
    // The first snapshot tells of a store that can't be read before the terminal is taken.
    const first = await snapshots.take()
    if (process.stdout.isTTY && process.stdin.isTTY) {
      await watch(place, snapshots, first)
      return true
    }
    yield* printed(first)
    return first.troubles.length === 0
  },
}

function jsonOf(snapshot: Snapshot): string {
  return JSON.stringify({ ...snapshot, at: new Date(snapshot.at).toISOString(), totals: totalsOf(snapshot.jobs) })
}

/** Prints a snapshot as tables, for what is no terminal. */
async function* printed({ processes, jobs, troubles }: Snapshot): AsyncGenerator<string> {
  const { oldestAge, ...totals } = totalsOf(jobs)
  const cells = Object.entries({ ...totals, oldest: secondsOf(oldestAge), processes: processes?.length ?? '' })
  const names = cells.map(([name]) => name)
  yield* table(names, [[cells]], (row) => row.map(([, value]) => String(value)))
  if (jobs.length > 0) {
    yield '\n'
    yield* table(['job', ...counted, 'oldest'], [jobs], (job) => [
      job.job,
      ...counted.map((state) => String(job[state])),
      secondsOf(job.oldestAge),
    ])
  }
  for (const sentence of troubles) complain(sentence)
}

const secondsOf = (ms: number) => (ms === 0 ? '' : `${Math.floor(ms / 1000)} s`)

/** Shows the store on the terminal, until a key or a signal ends it. */
async function watch(place: string, snapshots: Snapshots, first: Snapshot): Promise<void> {
  const settings: ViewSettings = {
    filter: '',
    isTyping: false,
    state: undefined,
    order: 'due',
    isPaused: false,
    isHelp: false,
    offset: 0,
  }
  const history = new History()
  history.add(first)
  let snapshot = first
  let trouble: string | undefined
  const draw = () => {
    // What the terminal does not take in time is drawn with the next picture.
    void screen.draw(drawn({ place, snapshot, history, trouble }, settings, screen.size)).catch(() => {})
  }
  using screen = new Screen((key) => {
    if (press(key, settings, screen.size.rows)) screen.ended.abort()
    else draw()
  }, draw)
  const { signal } = screen.ended
  draw()
  while (!signal.aborted) {
    await pause(signal)
    if (signal.aborted) return
    try {
      const next = await snapshots.take()
      trouble = undefined
      history.add(next)
      if (!settings.isPaused) snapshot = next
    } catch (error) {
      trouble = (error as Error).message
    }
    draw()
  }
}

/** Changes the settings as a key says. @returns whether the key ends the command */
function press(key: string, settings: ViewSettings, rows: number): boolean {
  if (key === '\x03') return true
  if (settings.isHelp) settings.isHelp = false
  else if (settings.isTyping) type(key, settings)
  else {
    switch (key) {
      case 'q':
        return true
      case '/':
        settings.isTyping = true
        break
      case '\x1b':
        settings.filter = ''
        settings.state = undefined
        break
      case 'f':
        settings.state = counted[settings.state === undefined ? 0 : counted.indexOf(settings.state) + 1]
        break
      case 's':
        settings.order = orders[(orders.indexOf(settings.order) + 1) % orders.length] ?? 'due'
        break
      case 'p':
      case ' ':
        settings.isPaused = !settings.isPaused
        break
      case '?':
      case 'h':
        settings.isHelp = true
        break
      default:
        settings.offset = Math.max(0, settings.offset + (scrolls(rows)[key] ?? 0))
    }
  }
  return false
}

const scrolls = (rows: number): Readonly<Record<string, number>> => ({
  '\x1b[A': -1,
  '\x1b[B': 1,
  '\x1b[5~': 10 - rows,
  '\x1b[6~': rows - 10,
})

function type(key: string, settings: ViewSettings): void {
  if (key === '\r' || key === '\n') settings.isTyping = false
  else if (key === '\x1b') Object.assign(settings, { isTyping: false, filter: '' })
  else if (key === '\x7f' || key === '\b') settings.filter = settings.filter.slice(0, -1)
  else if (key >= ' ' && !key.startsWith('\x1b')) settings.filter += key
}

/** Resolves after the interval, or when the signal aborts. */
function pause(signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, interval)
    signal?.addEventListener('abort', end)
  })
}

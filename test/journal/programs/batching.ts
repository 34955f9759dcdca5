import { batch, configure, instance, subscribe } from '../../../src/index.ts'

// A process with a batch. Told by its arguments how many items to defer; it tells what its runs get.

export interface BatchingSettings {
  readonly items?: number
  readonly size?: number
  readonly within?: number
  readonly keep?: boolean
  readonly concurrency?: number
  /** The items that fail in their first run. */
  readonly failing?: readonly number[]
  /** Runs never end. */
  readonly hangs?: boolean
}

const [folder = '', json = '{}'] = process.argv.slice(2)
const { items = 0, failing = [], hangs = false, concurrency = 64, ...options }: BatchingSettings = JSON.parse(json)
const tell = (message: object) => process.send?.(message)

configure({ journal: folder, shutdownTimeout: 1, worker: { concurrency } })
subscribe('report', ({ error: { code } }) => tell({ type: 'report', code }))

const failed = new Set<number>()
const Track = batch(
  'track',
  (got: number[]) => {
    tell({ type: 'ran', items: got })
    const bad = got.filter((item) => failing.includes(item) && !failed.has(item))
    for (const item of bad) failed.add(item)
    if (bad.length > 0) throw new Error(`no luck with ${bad}`)
    return hangs ? new Promise(() => {}) : undefined
  },
  { backoff: 0, ...options },
)

await Promise.all(Array.from({ length: items }, (_, item) => Track.defer(item).accepted))
tell({ type: 'accepted' })
process.on(
  'message',
  () =>
    void instance()
      .close()
      .then(() => tell({ type: 'closed' })),
)
setInterval(() => {}, 1e6)

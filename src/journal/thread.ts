import { parentPort, workerData } from 'node:worker_threads'
import {
  acceptWidth,
  type FromThread,
  type Group,
  type HandedOut,
  settle,
  settleWidth,
  type ToThread,
} from './group.ts'
import { SlotLock, type Sync, slotsIn } from './slot.ts'
import { Store } from './store.ts'

// The journal's own thread: no write and no sync of a file keeps the thread of the requests.

export interface ThreadData {
  readonly folder: string
  readonly slot: number
  readonly sync: Sync
  readonly retention: number
}

/** How often dead siblings are looked for, in ms, with as much again of jitter. */
const siblingInterval = 500
/** The clock may be set: nothing is slept over for longer than this, in ms. */
const longestWait = 60_000

/** How often old failures are forgotten, in ms. */
const forgetInterval = 3_600_000
let forgetAt = 0

const { folder, slot: ownSlot, sync, retention } = workerData as ThreadData
const stores = new Map([[ownSlot, new Store(folder, ownSlot, sync)]])
const tell = (message: FromThread) => parentPort?.postMessage(message)

function commit({ accepts, settles }: Group): void {
  const own = stores.get(ownSlot) as Store
  const touched = new Set<Store>()
  if (accepts.length > 0) touched.add(own)
  for (let i = 0; i < settles.length; i += settleWidth) {
    const store = stores.get(settles[i + 1] as number)
    if (store !== undefined) touched.add(store)
  }
  try {
    for (const store of touched) store.begin(store === own && accepts.length > 0)
    for (let i = 0; i < accepts.length; i += acceptWidth) {
      own.accept(...(accepts.slice(i, i + acceptWidth) as Parameters<Store['accept']>))
    }
    for (let i = 0; i < settles.length; i += settleWidth) apply(settles.slice(i, i + settleWidth))
    for (const store of touched) store.commit()
    tell({ type: 'committed' })
    if (accepts.some((value, i) => i % acceptWidth === acceptWidth - 1 && value === 1)) wakeLater()
  } catch (error) {
    for (const store of touched) store.rollback()
    tell({ type: 'refused', message: String(error) })
  }
}

function apply([what, slot, key, first, second]: (string | number)[]): void {
  // A slot that was let go has no such record any more.
  const store = stores.get(slot as number)
  switch (what) {
    case settle.done:
      return store?.done(key as number)
    case settle.failed: {
      const [reason = '', ...error] = String(second).split('\n')
      return store?.failed(key as number, first as number, reason, error.length === 0 ? null : error.join('\n'))
    }
    case settle.retry:
      return store?.retry(key as number, first as number, second as number)
    case settle.back:
      return store?.back(key as number, first as number)
    case settle.begin:
      return store?.beginRun(key as number)
  }
}

function handOut(jobs: readonly string[], most: number): void {
  const records: HandedOut[] = []
  for (const store of stores.values()) {
    if (records.length >= most) break
    try {
      store.begin(false)
      const poison = store.quarantine()
      const rows = store.handOut(jobs, most - records.length)
      store.commit()
      records.push(...rows)
      for (const { key, job } of poison) {
        tell({ type: 'report', code: 'AFTERWORD_POISON', values: [job, `${store.slot}-${key}`] })
      }
    } catch (error) {
      // A full disk, say: they stay where they are, for a later time.
      store.rollback()
      tell({ type: 'report', code: 'AFTERWORD_JOURNAL_REFUSED', values: [String(error)] })
    }
  }
  tell({ type: 'handed-out', records })
  wakeLater()
}

let wake: NodeJS.Timeout | undefined

/** Tells when the next record is due that waits for its retry. */
function wakeLater(): void {
  clearTimeout(wake)
  const next = Math.min(...Array.from(stores.values(), (store) => store.nextRun ?? Infinity))
  if (next < Infinity) wake = setTimeout(tell, Math.min(next - Date.now(), longestWait), { type: 'loose' })
}

/** Takes over the slots of processes that have died, and lets go of those that are done. */
function lookForSiblings(): void {
  for (const slot of slotsIn(folder)) {
    if (stores.has(slot)) continue
    const lock = SlotLock.take(folder, slot)
    if (lock === undefined) continue
    const store = new Store(folder, slot, sync, lock)
    if (store.empty) {
      store.close()
      continue
    }
    store.loosen()
    stores.set(slot, store)
  }
  if (Date.now() >= forgetAt) {
    for (const store of stores.values()) store.forget(Date.now() - retention)
    forgetAt = Date.now() + forgetInterval
  }
  for (const [slot, store] of stores) {
    if (slot === ownSlot || !store.empty) continue
    stores.delete(slot)
    store.close()
  }
  // Also what was retried by hand, in another process.
  if ([...stores.values()].some((store) => store.loose)) tell({ type: 'loose' })
}

/** A full disk, say, passes. */
function lookAgainAndAgain(): void {
  try {
    lookForSiblings()
  } catch (error) {
    tell({ type: 'report', code: 'AFTERWORD_JOURNAL_REFUSED', values: [String(error)] })
  }
  setTimeout(lookAgainAndAgain, siblingInterval * (1 + Math.random()))
}

function close(): void {
  for (const store of stores.values()) store.close()
  tell({ type: 'closed' })
}

parentPort?.on('message', (message: ToThread) => {
  switch (message.type) {
    case 'group':
      return commit(message)
    case 'hand-out':
      return handOut(message.jobs, message.most)
    case 'close':
      return close()
  }
})
lookAgainAndAgain()

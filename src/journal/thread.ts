import { parentPort, workerData } from 'node:worker_threads'
import { type FolderOptions, openFolder } from './ground.ts'
import type { FromKeeper } from './group.ts'
import { Keeper, type KeeperOptions } from './keeper.ts'

export type ThreadData = FolderOptions & KeeperOptions

// The journal's own thread: no write and no sync of a file keeps the thread of the requests.
const data = workerData as ThreadData
const post = (message: FromKeeper) => parentPort?.postMessage(message)
const ground = openFolder(data, (code, values, cause) => post({ type: 'report', code, values, cause }), {
  free: (slot) => post({ type: 'free', slot }),
  letGo: (slot) => post({ type: 'let-go', slot }),
})
const keeper = new Keeper(ground, data, post)
parentPort?.on('message', (message) => keeper.receive(message))

import { parentPort, workerData } from 'node:worker_threads'
import type { FromServer } from '../protocol.ts'
import { type FolderOptions, openFolder } from './databases.ts'
import { JournalServer, type JournalServerOptions } from './journal-server.ts'

export type ThreadData = FolderOptions & JournalServerOptions

// The journal's own thread: no write and no sync of a file keeps the thread of the requests.
const data = workerData as ThreadData
const post = (message: FromServer) => parentPort?.postMessage(message)
const ground = openFolder(data, (code, values, cause) => post({ type: 'report', code, values, cause }), {
  free: (slot) => post({ type: 'free', slot }),
  letGo: (slot) => post({ type: 'let-go', slot }),
})
const keeper = new JournalServer(ground, data, post)
parentPort?.on('message', (message) => keeper.receive(message))

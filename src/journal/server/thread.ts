import { parentPort, workerData } from 'node:worker_threads'
import type { FromServer } from '../protocol.ts'
import { type FolderOptions, openFolder } from './databases.ts'
import { JournalServer, type JournalServerOptions } from './journal-server.ts'

export type ThreadData = FolderOptions & JournalServerOptions

// The journal's thread: no write and no sync of a file blocks the thread of the requests.
const data = workerData as ThreadData
const post = (message: FromServer) => parentPort?.postMessage(message)
const databases = openFolder(data, (code, values, cause) => post({ type: 'report', code, values, cause }), {
  orphaned: (slot) => post({ type: 'orphaned-slot', slot }),
  released: (slot) => post({ type: 'released-slot', slot }),
})
const server = new JournalServer(databases, data, post)
parentPort?.on('message', (message) => server.receive(message))

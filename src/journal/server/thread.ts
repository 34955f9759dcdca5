import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { type FolderServerOptions, type FromServer, restartCode, type ToServer } from '../protocol.ts'
import { openFolder } from './databases.ts'
import { JournalServer } from './journal-server.ts'

// The journal's thread: no write and no sync of a file blocks the thread of the requests.
const data = workerData as FolderServerOptions
const post = (message: FromServer) => parentPort?.postMessage(message)
const databases = openFolder(data, (code, values, cause) => post({ type: 'report', code, values, cause }), {
  orphaned: (slot) => post({ type: 'orphaned-slot', slot }),
  released: (slot) => post({ type: 'released-slot', slot }),
  restart: () => process.exit(restartCode),
})
const server = new JournalServer(databases, data, post)
parentPort?.on('message', (message: ToServer) => {
  if (message.type !== 'ask') return server.receive(message)
  Atomics.store(message.answer, 0, 1)
  Atomics.notify(message.answer, 0)
})

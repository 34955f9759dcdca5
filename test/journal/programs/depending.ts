import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, currentTask, defer, job, onSent, subscribe } from '../../../src/index.ts'

// A server whose jobs depend on their response. The first process holds everything up; the next one runs what it finds.

const [folder = '', place = 'folder', way = 'first'] = process.argv.slice(2)
const isFirst = way === 'first'
const tell = (message: object) => process.send?.(message)

const file = `${folder}/app.db`
configure({ journal: place === 'database' ? { database: new DatabaseSync(file) } : folder, shutdownTimeout: 1 })
subscribe('task:ended', ({ task, outcome }) =>
  tell({ type: 'ended', name: task.name, args: task.args, ...outcome, error: undefined, value: undefined }),
)
subscribe('task:retrying', ({ task }) => void noted(task.name).then(() => tell({ type: 'retrying', name: task.name })))

const ran = (path: string) => {
  const { name, request, attempt } = currentTask() ?? {}
  tell({ type: 'ran', name, path, request, attempt })
}
const key = place === 'keyed' ? { key: (path: string) => path } : {}
const jobs = [
  job('always', ran, key),
  job('success', ran, { when: 'success', ...key }),
  job('asks', ran, {
    when: (response) => {
      tell({ type: 'asked', response })
      return response.status !== 500
    },
    ...key,
  }),
]
const Failing = job(
  'failing',
  (path: string) => {
    ran(path)
    if (isFirst) throw new Error(`no luck with ${path}`)
  },
  { when: 'success', backoff: 3_600_000, ...key },
)
const Hanging = job(
  'hanging',
  (path: string) => {
    ran(path)
    return isFirst ? new Promise(() => {}) : undefined
  },
  {
    when: 'success',
    ...key,
  },
)

const Mark = job('mark', (_path: string) => (isFirst ? new Promise(() => {}) : undefined), key)

/** Resolves when what became of the response is stored: a call that is deferred later is stored later. */
async function noted(path: string): Promise<void> {
  if (place !== 'database') return Mark.defer(`after ${path}`).accepted
  using reader = new DatabaseSync(file)
  const find = reader.prepare("SELECT 1 FROM afterword_records WHERE options LIKE '%delivered%true%' AND args LIKE ?")
  while (find.get(`%${path}%`) === undefined) await new Promise((resolve) => setImmediate(resolve))
}

const server = createServer((req, res) => {
  const path = req.url ?? ''
  // In the way of the jobs, until the process ends.
  if (path !== '/failing' && path !== '/hanging') defer(() => new Promise(() => {}))
  const calls =
    path === '/failing'
      ? [Failing.defer(path)]
      : path === '/hanging'
        ? [Hanging.defer(path)]
        : jobs.map((each) => each.defer(path))
  void Promise.all(calls.map((call) => call.accepted)).then(() => tell({ type: 'accepted', path }))
  onSent(() => void noted(path).then(() => tell({ type: 'sent', path })))
  if (path === '/open') return
  res.statusCode = path === '/bad' ? 500 : 200
  res.end('ok')
})
if (isFirst) {
  attach(server)
  server.listen(0, '127.0.0.1', () => tell({ type: 'ready', port: (server.address() as AddressInfo).port }))
} else tell({ type: 'ready' })
setInterval(() => {}, 1e6)

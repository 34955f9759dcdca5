// An app with a journal, as a bundler gets it. The first run is killed while its job runs; the next one runs what it has left.
import http from 'node:http'
import { configure, job, subscribe } from 'afterword'
import { attach } from 'afterword/node-http'

const [folder, dies] = process.argv.slice(2)
subscribe('report', ({ error }) => console.log(error.code, error.cause))
configure({ journal: { path: folder, encrypt: { key: 'ab'.repeat(32) } } })

const left = new Set(['now', 'later'])
const Save = job('save', (name) => {
  console.log(`saved ${name}`)
  if (dies) process.kill(process.pid, 'SIGKILL')
  left.delete(name)
  if (left.size === 0) process.kill(process.pid, 'SIGTERM')
})

const server = http.createServer(async (_req, res) => {
  await Save.with({ delay: 1000 }).dispatch('later')
  Save.defer('now')
  res.end('answered')
})
attach(server)
server.listen(0, '127.0.0.1', () => {
  if (dies) http.get({ port: server.address().port, host: '127.0.0.1' })
})

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, job, subscribe } from '../../../src/index.ts'

// Started with a limit on the size of files: asks itself until the journal refuses, and prints what was answered.
configure({ journal: String(process.argv[2]) })
subscribe('report', () => {})
const Keep = job('keep', (_n: number, _text: string) => new Promise(() => {}))
const text = 'x'.repeat(10_000)

const server = createServer((req, res) => {
  Keep.defer(Number(req.url?.slice(1)), text)
  res.setHeader('x-done', 'yes')
  res.end('kept')
})
attach(server)
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo
  const kept: number[] = []
  for (let n = 0; ; n++) {
    const response = await fetch(`http://127.0.0.1:${port}/${n}`)
    const body = await response.text()
    if (response.status === 200) {
      kept.push(n)
      continue
    }
    const { status, headers } = response
    console.log(JSON.stringify({ kept, status, body, retry: headers.get('retry-after'), done: headers.get('x-done') }))
    process.kill(process.pid, 'SIGKILL')
  }
})

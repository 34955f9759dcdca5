import 'afterword/auto'
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { currentTask, job } from 'afterword'

const rows = 100_000
const file = join(tmpdir(), `orders-${process.pid}.csv`)
let written = 0

/** Stands for the rows of a database. */
const order = (id: number) => ({ id, customer: `customer ${id % 977}`, total: (id * 7919) % 100_000 })

const ExportOrders = job('export-orders', async () => {
  const csv = createWriteStream(file)
  for (written = 0; written < rows; written++) {
    const { id, customer, total } = order(written)
    csv.write(`${id},"${customer}",${(total / 100).toFixed(2)}\n`)
    await currentTask()?.yield() // requests have their turn, a few times in each millisecond
  }
  await new Promise((resolve) => csv.end(resolve))
  console.log(`exported ${rows} rows`)
})

const server = createServer((req, res) => {
  if (req.method === 'POST') ExportOrders.defer()
  res.end(JSON.stringify({ written, rows, file }))
})
server.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
})

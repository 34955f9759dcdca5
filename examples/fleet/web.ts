import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { instance } from 'afterword'
import { attach } from 'afterword/node-http'
import { SendWelcome } from './jobs.ts'

// The app, in each web process: a sign-up is answered when the journal of the process has the call.
const server = createServer(async (req, res) => {
  try {
    const { email } = JSON.parse(await text(req)) as { email: string }
    await SendWelcome.dispatch(email)
    res.writeHead(201).end()
  } catch (error) {
    // A call that can't be kept is refused with 503: the client comes again.
    const { status = 400 } = error as { status?: number }
    res.writeHead(status).end()
  }
})
attach(server)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })

// For the board: the calls that the engine does not have yet.
setInterval(() => process.send?.({ waiting: instance().status().sending }), 200).unref()

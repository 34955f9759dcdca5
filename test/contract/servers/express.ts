import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { afterword } from '../../../src/adapters/express.ts'
import { load } from '../../adapters/programs/app.ts'
import { listening, nodeBody, stage, usesAdapter } from '../stage.ts'

// Arguments: `express` or `express-4`.
const app = load(process.argv[2])()
if (usesAdapter) app.use(afterword())
app.use((req, res, next) => {
  stage
    .play(req.path, { res, address: req, httpError: (status) => Object.assign(new Error('of Express'), { status }) })
    .then((answer) => {
      const body = nodeBody(answer)
      res.status(answer.status)
      if (typeof body === 'string') res.send(body)
      else pipeline(body, res, () => {})
    }, next)
})
const server = app.listen(0, '127.0.0.1', () => listening((server.address() as AddressInfo).port))

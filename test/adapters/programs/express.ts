import compression from 'compression'
import { afterword } from '../../../src/adapters/express.ts'
import { markOf, onePerScope, serve, witness } from '../../support/stage.ts'
import { createAppServer, load } from './app.ts'

// An Express app. Arguments: the protocol, `express` or `express-4`.
const [protocol, framework] = process.argv.slice(2)
const express = load(framework)

const app = express()
app.use(afterword())
app.use((req, _res, next) => {
  if (req.path.includes('/page/')) onePerScope('outer')
  next()
})

app.get('/json', (req, res) => {
  witness(req)
  res.json({ name: 'Ada' })
})
app.get('/redirect', (req, res) => {
  witness(req)
  res.redirect('/json')
})
app.get('/file', (req, res) => {
  witness(req, 'handler')
  res.sendFile(import.meta.filename, { dotfiles: 'allow' }, (error?: Error & { status?: number }) => {
    // Comes before the response has ended.
    witness(req, 'callback')
    if (error !== undefined) res.status(error.status ?? 500).end()
  })
})
app.get('/compressed', compression(), (req, res) => {
  witness(req)
  res.type('text').send('x'.repeat(100_000))
})
app.get('/compressed-stream', compression(), (req, res) => {
  witness(req)
  res.type('text')
  for (let i = 0; i < 10; i++) res.write('x'.repeat(10_000))
  res.end()
})
app.post('/parsed', express.json(), (req, res) => {
  witness(req)
  res.json(req.body)
})

const inner = express()
inner.use(afterword())
inner.get('/page/:id', (req, res) => {
  witness(req)
  onePerScope('inner')
  res.send(req.params.id)
})
app.use('/mounted', inner)
app.use('/router', express.Router().use(inner))

app.get('/throws', (req) => {
  witness(req)
  throw new Error('before the headers')
})
app.get('/rejects', async (req, _res, next) => {
  witness(req)
  await null
  // Express 4 doesn't look at the promise.
  if (framework === 'express-4') return next(new Error('before the headers'))
  throw new Error('before the headers')
})
app.get('/throws-amid', (req, res) => {
  witness(req)
  res.write('half')
  throw new Error('after the headers')
})
app.get('/passes-on', (req, _res, next) => {
  witness(req, 'first')
  next()
})
app.use((req, res) => {
  witness(req, 'not found')
  res.status(404).send(`nothing for ${markOf(req).length > 0}`)
})

serve(await createAppServer(protocol, app, []))

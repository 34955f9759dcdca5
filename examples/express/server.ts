import type { AddressInfo } from 'node:net'
import { defer, job } from 'afterword'
import { afterword } from 'afterword/express'
import express from 'express'

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

const app = express()
app.use(afterword()) // ahead of everything that defers
app.use(express.json())

app.post('/signup', (req, res) => {
  const { email } = req.body ?? {}
  if (typeof email !== 'string' || !email.includes('@'))
    return void res.status(400).json({ error: 'No e-mail address' })
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  res.status(201).json({ email })
})

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
})

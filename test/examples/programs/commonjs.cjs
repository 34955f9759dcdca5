// A CommonJS program, as it is.
const { defer, job } = require('afterword')
const { afterword } = require('afterword/express')
const express = require('express')

const SendWelcome = job('send-welcome', async (email) => console.log(`welcome ${email}`))
const track = (event, email) => console.log(`track ${event} ${email}`)

const app = express()
app.use(afterword())
app.use(express.json())
app.post('/signup', (req, res) => {
  const { email } = req.body
  if (!email?.includes('@')) return res.sendStatus(400)
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  res.sendStatus(201)
})
const server = app.listen(process.env.PORT, () => console.log(`http://localhost:${server.address().port}`))

import { get } from 'node:http'

// Opens pages of a dashboard as browsers do, and reads what they are told. Arguments: the port, and the number of pages.
const [port, pages] = process.argv.slice(2).map(Number)
for (let page = 0; page < (pages as number); page++) {
  get({ host: '127.0.0.1', port, path: '/afterword/events' }, (res) => {
    if (res.statusCode !== 200) throw new Error(`The dashboard answers ${res.statusCode}`)
    res.resume()
  })
}
process.on('disconnect', () => process.exit())

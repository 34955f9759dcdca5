// Fails where the page of the dashboard, gzipped, is larger than its bound, or a part of it would come from another host.
import { gzipSync } from 'node:zlib'
import { pageFiles } from '../dist/dashboard/page-files.js'

/** The bound in bytes. */
const most = 45_000

const sizes = Object.entries(pageFiles).map(([name, { text }]) => [name, gzipSync(text).length])
const total = sizes.reduce((sum, [, size]) => sum + size, 0)
for (const [name, size] of sizes) console.log(`${name}: ${size} bytes, gzipped`)
console.log(`The page of the dashboard: ${total} of ${most} bytes`)
if (total > most) process.exitCode = 1

// Names of XML are no addresses.
const names = /http:\/\/www\.w3\.org\/(2000\/svg|1998\/Math\/MathML|1999\/(xhtml|xlink))/g
for (const [name, { text }] of Object.entries(pageFiles)) {
  const [foreign] = /(https?:)?\/\/[\w-]+\.[\w.-]+/.exec(text.replaceAll(names, '')) ?? []
  if (foreign === undefined) continue
  console.error(`${name} names another host: ${foreign}`)
  process.exitCode = 1
}

import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The words for a test title where there is no browser; empty where there is one. */
export const missing = existsSync(executablePath) ? '' : ` (skipped: no Chromium at ${executablePath})`

/** Starts Debian's Chromium. The limit of every wait is that of its test. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args, timeout: 0 })
}

/** The things that must not happen on a page: errors, refusals of its policy among them, and requests to other hosts. */
export class PageFaults {
  readonly errors: string[] = []
  readonly foreign: string[] = []

  constructor(page: Page, origin: string) {
    page.on('console', (message) => {
      // A record that is asked for may have ended.
      const isEnded = message.text().includes('404') && message.location().url.includes('/jobs/')
      if (message.type() === 'error' && !isEnded) this.errors.push(message.text())
    })
    page.on('pageerror', (error) => this.errors.push(String(error)))
    page.on('request', (request) => {
      if (!request.url().startsWith(`${origin}/`)) this.foreign.push(request.url())
    })
  }
}

import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SignupApp } from '../examples/signup-app.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const missing = !existsSync(executablePath)
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Code for the page: the words of a card that leave their column, the numbers of lines of its axis labels, and the width that the page takes. */
const misplaced = (name: string) => `(() => {
  const card = [...document.querySelectorAll('.entry')].find((card) => card.querySelector('h3').textContent === '${name}')
  const right = document.documentElement.clientWidth - parseFloat(getComputedStyle(document.body).paddingRight)
  const leaves = (word) => word.scrollWidth > word.clientWidth || word.getBoundingClientRect().right > right + 0.5
  const linesOf = (tick) => {
    const range = document.createRange()
    range.selectNodeContents(tick)
    return range.getClientRects().length
  }
  return {
    words: [...card.querySelectorAll('.result')].filter(leaves).map(({ textContent }) => textContent),
    lines: [...new Set([...card.querySelectorAll('.tick')].map(linesOf))],
    width: document.documentElement.scrollWidth,
  }
})()`

describe.skipIf(missing)(`the sign-up page${missing ? ` (skipped: no Chromium at ${executablePath})` : ''}`, () => {
  let app: SignupApp
  let browser: Browser
  beforeAll(async () => {
    app = await SignupApp.start()
    // The limit of every wait is that of its test.
    browser = await chromium.launch({ executablePath, args, timeout: 0 })
  })
  afterAll(async () => {
    await browser?.close()
    await app?.[Symbol.asyncDispose]()
  })

  /** A page that is connected, and what must not happen on it. */
  async function open(): Promise<{ page: Page; errors: string[]; foreign: string[] }> {
    const page = await browser.newPage()
    page.setDefaultTimeout(0)
    const errors: string[] = []
    const foreign: string[] = []
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('request', (request) => {
      if (!request.url().startsWith(`${app.url}/`)) foreign.push(request.url())
    })
    await page.goto(app.url)
    await page.getByText('live', { exact: true }).waitFor()
    return { page, errors, foreign }
  }

  it('shows the answer, then the four tasks and the mail', async () => {
    const { page, errors, foreign } = await open()
    await page.getByText('Nobody has signed up yet.').waitFor()
    await page.getByLabel('Name').fill('Ada <b>Lovelace</b>')
    await page.getByLabel('E-mail').fill('ada@analytical.example')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await page.getByText('Welcome, Ada <b>Lovelace</b>. A mail is on its way.').waitFor()

    const entry = page.getByRole('article', { name: 'Ada <b>Lovelace</b>' })
    for (const name of ['send-welcome', 'appendAccessLine', 'trackSignup', 'lookUpCompany']) {
      await entry.getByRole('listitem').filter({ hasText: name }).getByText('done').waitFor()
    }
    await entry.getByText('has its answer').waitFor()

    await page.locator('summary', { hasText: 'Welcome, Ada' }).click()
    await page.getByText('Your sign-up was answered before it was sent').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'POST /signup 201 ada@analytical.example' }).waitFor()
    expect(await page.getByText('Nobody has signed up yet.').isVisible()).toBe(false)
    expect(errors).toEqual([])
    expect(foreign).toEqual([])
    await page.close()
  })

  it('lets the visitor wait the old way', async () => {
    const { page, errors } = await open()
    await page.getByLabel('before it, the old way').check()
    await page.getByLabel('Name').fill('Grace Hopper')
    await page.getByRole('button', { name: 'Sign up' }).click()
    const entry = page.getByRole('article', { name: 'Grace Hopper' })
    await page.getByText('Welcome, Grace Hopper. A mail was sent.').waitFor()
    await entry.getByText('left to do').waitFor()
    expect(errors).toEqual([])
    await page.close()
  })

  it.each([360, 1280])('shows what survives kill -9, in a window of %i pixels', async (width) => {
    const { page } = await open()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.setViewportSize({ width, height: 800 })
    await page.getByLabel('Name').fill(`Killed at ${width}`)
    // The page finds no server before it has been looked at.
    const seen = Promise.withResolvers<void>()
    await page.route('**/events', (route) => seen.promise.then(() => route.continue()))
    const kill = page.getByRole('button', { name: 'Answer me, then kill -9' })
    await kill.focus()
    await page.keyboard.press('Enter')
    await page.getByText(`Welcome, Killed at ${width}. This server is about to die.`).waitFor()
    const entry = page.getByRole('article', { name: `Killed at ${width}` })
    const of = (name: string) => entry.getByRole('listitem').filter({ hasText: name })

    // While the server is away the page stands.
    await of('look-up-company').getByText('the server is down').waitFor()
    await page.getByText('the server is down', { exact: true }).first().waitFor()
    seen.resolve()
    const [died, next] = await app.restarted()
    await page.getByText('live', { exact: true }).waitFor()

    await of('appendAccessLine').getByText(`done in pid ${died}`).waitFor()
    await of('trackSignup').getByText(`lost with pid ${died}`).waitFor()
    await of('look-up-company').getByText(`done in pid ${next}`).waitFor()
    await of('send-welcome').getByText(`done in pid ${next}`).waitFor()
    await entry.getByText(`Kept in the journal, and run by pid ${next}: look-up-company and send-welcome.`).waitFor()
    expect(await page.evaluate(misplaced(`Killed at ${width}`))).toEqual({ words: [], lines: [1], width })
    expect(errors).toEqual([])
    await page.close()
  })

  it('says that a client got no answer whose server was killed before it, the old way', async () => {
    const email = 'waiting@x.example'
    const watcher = await app.watch()
    const answer = app.signUp({ name: 'Waiting', email }, '/signup/old-way')
    const { processes } = await watcher.until(email, ({ steps }) => steps.at(-1)?.name === 'lookUpCompany')
    const { pid } = processes[0]!
    process.kill(pid, 'SIGKILL')
    await expect(answer).rejects.toThrow()
    expect((await app.restarted())[0]).toBe(pid)

    const { page } = await open()
    const entry = page.getByRole('article', { name: 'Waiting' })
    await entry.getByText('got no answer').waitFor()
    await entry.getByText(`lost with pid ${pid}`).waitFor()
    await page.close()
  })

  it.each([360, 1280])('keeps the words of a timeline in their places, in a window of %i pixels', async (width) => {
    const { page } = await open()
    await page.setViewportSize({ width, height: 800 })
    await page.getByLabel('Name').fill(`Failing at ${width}`)
    await page.getByLabel('Let the analytics API fail').check()
    await page.getByRole('button', { name: 'Sign up' }).click()
    const entry = page.getByRole('article', { name: `Failing at ${width}` })
    await entry.getByText('failed, attempt 3').waitFor()
    await entry.getByRole('listitem').filter({ hasText: 'lookUpCompany' }).getByText('done').waitFor()
    const faults = await page.evaluate(misplaced(`Failing at ${width}`))
    expect(faults).toEqual({ words: [], lines: [1], width })
    await page.close()
  })

  it('says what is wrong with the input beside the field, and puts the visitor there', async () => {
    const { page } = await open()
    await page.getByLabel('E-mail').fill('nobody')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await page.getByText('This is not an e-mail address.').waitFor()
    const email = page.getByLabel('E-mail')
    expect(await email.getAttribute('aria-invalid')).toBe('true')
    expect(await page.locator(':focus').getAttribute('name')).toBe('email')
    await page.close()
  })

  it.each([360, 390, 768, 1280])('fits a window of %i pixels', async (width) => {
    const { page } = await open()
    await page.setViewportSize({ width, height: 800 })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    await page.close()
  })
})

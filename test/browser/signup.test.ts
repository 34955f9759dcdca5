import type { Browser, FrameLocator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SignupApp } from '../examples/signup-app.ts'
import { missing, PageFaults, startBrowser } from './chromium.ts'

describe.skipIf(missing)(`the sign-up page${missing}`, () => {
  let app: SignupApp
  let browser: Browser
  beforeAll(async () => {
    app = await SignupApp.start()
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await app?.[Symbol.asyncDispose]()
  })

  /** A page that is connected, the waterfall in it, and what must not happen on it. */
  async function open(): Promise<{ page: Page; faults: PageFaults; waterfall: FrameLocator }> {
    const page = await browser.newPage()
    page.setDefaultTimeout(0)
    const faults = new PageFaults(page, app.url)
    await page.goto(app.url)
    await page.getByText('live', { exact: true }).waitFor()
    const waterfall = page.frameLocator('#waterfall')
    await waterfall.locator('.requests[data-state="live"]').waitFor()
    return { page, faults, waterfall }
  }

  const newest = (waterfall: FrameLocator) => waterfall.locator('.request-item').first()
  const none = { errors: [], foreign: [] }

  /** The widths that the waterfall has, and takes. */
  async function widthsOf(page: Page): Promise<number[]> {
    const frame = page.frames().find((each) => each !== page.mainFrame())!
    return (await frame.evaluate(
      '[document.documentElement.clientWidth, document.documentElement.scrollWidth]',
    )) as number[]
  }

  it('shows the answer, then the four tasks and the mail', async () => {
    const { page, faults, waterfall } = await open()
    await page.getByText('Nobody has signed up yet.').waitFor()
    await waterfall.getByText('No request has deferred anything yet').waitFor()
    await page.getByLabel('Name').fill('Ada <b>Lovelace</b>')
    await page.getByLabel('E-mail').fill('ada@analytical.example')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await page.getByText('Welcome, Ada <b>Lovelace</b>. A mail is on its way.').waitFor()

    const signup = newest(waterfall)
    for (const name of ['send-welcome', 'appendAccessLine', 'trackSignup', 'lookUpCompany']) {
      await signup.getByRole('listitem').filter({ hasText: name }).getByText('done').waitFor()
    }
    await signup.getByText('has its 201').waitFor()

    await page.locator('summary', { hasText: 'Welcome, Ada' }).click()
    await page.getByText('Your sign-up was answered before it was sent').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'POST /signup 201 ada@analytical.example' }).waitFor()
    await page.getByRole('listitem').filter({ hasText: 'ada@analytical.example · after the answer' }).waitFor()
    expect(await page.getByText('Nobody has signed up yet.').isVisible()).toBe(false)
    expect(faults).toEqual(none)
    await page.close()
  })

  it('lets the visitor wait the old way', async () => {
    const { page, faults, waterfall } = await open()
    await page.getByLabel('before it, the old way').check()
    await page.getByLabel('Name').fill('Grace Hopper')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await newest(waterfall).getByText('/signup/old-way').waitFor()
    // The client waits, and nothing else can be seen of the four things.
    await newest(waterfall).getByText('waits', { exact: true }).waitFor()
    await page.getByText('Welcome, Grace Hopper. A mail was sent.').waitFor()
    await newest(waterfall).getByText('has its 201').waitFor()
    await newest(waterfall)
      .getByText(/The client waited .* s\. 1 task after the response/)
      .waitFor()
    expect(faults).toEqual(none)
    await page.close()
  })

  it.each([360, 1280])('shows what survives kill -9, in a window of %i pixels', async (width) => {
    const { page, waterfall } = await open()
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
    const signup = newest(waterfall)
    const of = (name: string) => signup.getByRole('listitem').filter({ hasText: name })

    // While the server is away the pages stand.
    await page.getByText('the server is down', { exact: true }).first().waitFor()
    await waterfall.getByText('The server does not answer.').waitFor()
    await of('look-up-company').getByText('running').waitFor()
    seen.resolve()
    const [died, next] = await app.restarted()
    await page.getByText('live', { exact: true }).waitFor()

    const killed = waterfall.locator('.request-item').filter({ hasText: '/signup/and-kill' }).first()
    const task = (name: string) => killed.getByRole('listitem').filter({ hasText: name })
    await task('appendAccessLine').getByText('done').waitFor()
    await task('trackSignup').getByText('lost').waitFor()
    await task('look-up-company').getByText(`in process ${next}`).waitFor()
    await task('look-up-company').getByText('done').waitFor()
    await task('send-welcome').getByText(`in process ${next}`).waitFor()
    await task('send-welcome').getByText('done').waitFor()
    await killed.getByText(`process ${died}`).first().waitFor()
    const [has, takes] = await widthsOf(page)
    expect([takes, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([has, width])
    expect(errors).toEqual([])
    await page.close()
  })

  it('says that a client got no answer whose server was killed before it, the old way', async () => {
    const { page, waterfall } = await open()
    await page.getByLabel('before it, the old way').check()
    await page.getByRole('button', { name: 'Sign up' }).click()
    const waiting = newest(waterfall)
    await waiting.getByText('waits', { exact: true }).waitFor()
    const told = (await waiting.locator('.facts').textContent()) ?? ''
    const pid = Number(/process (\d+)/.exec(told)?.[1])
    process.kill(pid, 'SIGKILL')
    await page.getByText('The server does not answer. Is it still running?').waitFor()
    expect((await app.restarted())[0]).toBe(pid)
    await waiting.getByText('got no answer', { exact: true }).waitFor()
    await waiting.getByText('lost').first().waitFor()
    await page.close()
  })

  it.each([360, 1280])('shows a task that fails, in a window of %i pixels', async (width) => {
    const { page, waterfall } = await open()
    await page.setViewportSize({ width, height: 800 })
    await page.getByLabel('Name').fill(`Failing at ${width}`)
    await page.getByLabel('Let the analytics API fail').check()
    await page.getByRole('button', { name: 'Sign up' }).click()
    const of = (name: string) => newest(waterfall).getByRole('listitem').filter({ hasText: name })
    await of('trackSignup').getByText('failed', { exact: true }).waitFor()
    await of('trackSignup').getByText('attempt 3').waitFor()
    await of('lookUpCompany').getByText('done').waitFor()
    await newest(waterfall).getByText('The analytics API answered 503').first().waitFor()
    const [has, takes] = await widthsOf(page)
    expect([takes, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([has, width])
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

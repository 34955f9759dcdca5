import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { subscribe } from '../../src/index.ts'
import { missing, PageFaults, startBrowser } from './chromium.ts'
import { DashboardApp, hostileName, markup } from './dashboard-app.ts'
import { faultsOf } from './page-faults.ts'

const screenshots = fileURLToPath(new URL('screenshots/', import.meta.url))
const views = ['now', 'requests', 'jobs'] as const

describe.skipIf(missing)(`the dashboard${missing}`, () => {
  let app: DashboardApp
  let browser: Browser
  beforeAll(async () => {
    // The failures of these tasks are no news here.
    subscribe('report', () => {})
    await mkdir(screenshots, { recursive: true })
    app = await DashboardApp.start()
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await app?.[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    app.role = 'write'
    app.isMailDown = false
  })

  /** A page that is connected. After the test it has had no fault. */
  async function open(hash: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, ...options })
    page.setDefaultTimeout(0)
    const faults = new PageFaults(page, app.origin)
    onTestFinished(async () => {
      await page.close()
      expect(faults).toEqual({ errors: [], foreign: [] })
    })
    await page.goto(`${app.url}${hash}`)
    await page.getByText('live', { exact: true }).waitFor()
    return page
  }

  const row = (page: Page, name: string) => page.locator('.request-item').filter({ hasText: name }).first()

  it('shows what the client of a sign-up waited for, and what ran afterwards', async () => {
    const page = await open('#requests')
    expect(await app.ask('POST', '/signup')).toBe(201)
    const signup = row(page, '/signup')
    await signup.getByText('2 done').waitFor()
    await signup.getByText(/The client waited .* 2 tasks after the response, for .*: 2 done/).waitFor()

    await signup.getByRole('button').click()
    for (const name of ['send-welcome', 'appendLine']) {
      await signup.getByRole('listitem').filter({ hasText: name }).getByText('done').waitFor()
    }
    await signup.getByText('has its 201').waitFor()
    await page.screenshot({ path: `${screenshots}waterfall.png` })
  })

  it('is the same page at its path without a slash, where links to views load nothing anew', async () => {
    const page = await open('#requests')
    await page.goto(`${app.url.replace(/\/$/, '')}?from=elsewhere#jobs`)
    await page.getByText('live', { exact: true }).waitFor()
    await page.getByRole('heading', { name: 'Jobs', exact: true }).waitFor()
    expect(page.url()).toBe(`${app.url}?from=elsewhere#jobs`)
    let loads = 0
    page.on('load', () => loads++)
    await page.getByRole('link', { name: 'Now' }).click()
    await page
      .getByRole('heading', { name: /late|due/ })
      .first()
      .waitFor()
    expect([page.url(), loads]).toEqual([`${app.url}?from=elsewhere#now`, 0])
  })

  it('has no head in a frame that asks for none, also when the frame is loaded again', async () => {
    const page = await browser.newPage()
    page.setDefaultTimeout(0)
    onTestFinished(() => page.close())
    await page.goto(`${app.origin}/framed`)
    const framed = page.frameLocator('iframe')
    const headed = async () => {
      await framed.getByRole('main').waitFor()
      return framed.getByRole('banner').count()
    }
    expect(await headed()).toBe(0)
    const [, frame] = page.frames()
    const loaded = page.waitForEvent('framenavigated')
    // The document that is asked goes, and may give no answer.
    frame?.evaluate('location.reload()').catch(() => {})
    await loaded
    expect(await headed()).toBe(0)
    expect(frame?.url()).toBe(`${app.url}?bare#requests`)
  })

  it('retries a job that has failed, after its error was read, and shows that it is done', async () => {
    app.isMailDown = true
    const page = await open('#jobs?state=failed')
    await app.ask('POST', '/signup')
    await page.getByRole('button', { name: 'send-welcome' }).click()
    await page.getByRole('complementary').getByText('Error: The mail server is away').first().waitFor()
    await page.screenshot({ path: `${screenshots}failed-job.png` })

    app.isMailDown = false
    const done = Promise.withResolvers<void>()
    onTestFinished(subscribe('task:ended', ({ outcome }) => outcome.status === 'done' && done.resolve()))
    await page.getByRole('complementary').getByRole('button', { name: 'Retry' }).click()
    const dialog = page.getByRole('dialog', { name: 'Retry: 1 record?' })
    await dialog.getByRole('button', { name: 'Retry 1 record' }).click()
    await done.promise

    const log = page.getByRole('region', { name: 'Action log' }).first()
    await log.getByRole('row').filter({ hasText: 'ada@analytical.example' }).getByText('1 record changed').waitFor()
    await page.getByRole('button', { name: 'send-welcome' }).waitFor({ state: 'detached' })
    await page.getByText('The store has this record no more').waitFor()
  })

  it('reveals the arguments of a record on purpose only, and tells the log who did', async () => {
    app.isMailDown = true
    await app.ask('POST', '/signup')
    const page = await open('#jobs?state=failed')
    await page.getByRole('button', { name: 'send-welcome' }).click()
    const details = page.getByRole('complementary')
    await details.getByText('Error: The mail server is away').first().waitFor()
    expect(await details.textContent()).not.toContain('hunter2')
    await details.getByRole('button', { name: 'Reveal the arguments' }).click()
    await details.getByText('hunter2').waitFor()
    await page.getByText('Reveal: ').waitFor()
  })

  it('discards all that match, after a question that names their number', async () => {
    for (let times = 0; times < 3; times++) await app.ask('POST', '/remind')
    const page = await open('#jobs?job=remind')
    await page.getByRole('button', { name: 'take all 3 that match' }).click()
    await page.getByText('All 3 records that match').waitFor()
    await page.getByRole('button', { name: 'Discard', exact: true }).click()
    await page.getByRole('button', { name: 'Discard 3 records' }).click()
    await page.getByText('3 records changed').first().waitFor()
    await page.getByText('No record matches').waitFor()
  })

  it('can be mounted at a path that ends as one of its own addresses', async () => {
    await app.ask('POST', '/remind')
    const page = await open('#now')
    await page.goto(`${app.origin}/admin/jobs#jobs?job=remind`)
    await page.getByText('live', { exact: true }).waitFor()
    await page.locator('[data-row]').first().getByText('remind').first().waitFor()
    expect(page.url()).toBe(`${app.origin}/admin/jobs/#jobs?job=remind`)
  })

  it('has no action for those who may only read', async () => {
    app.isMailDown = true
    await app.ask('POST', '/signup')
    app.role = 'read'
    const page = await open('#jobs?state=failed')
    await page.getByRole('button', { name: 'send-welcome' }).first().click()
    await page.getByRole('complementary').getByText('The mail server is away').first().waitFor()
    expect(await page.getByRole('checkbox').count()).toBe(0)
    expect(await page.getByRole('button', { name: /Retry|Discard|Run now|Reveal/ }).count()).toBe(0)
  })

  it('takes no name, path or error for markup', async () => {
    const page = await open('#requests')
    await app.ask('GET', `/harm/${encodeURIComponent(markup)}`)
    const harmful = row(page, '/harm/')
    await harmful.getByText('1 failed').waitFor()
    await harmful.getByRole('button').click()
    await harmful.getByText(`Error: ${markup}`).first().waitFor()
    await harmful.getByText(markup, { exact: true }).first().waitFor()
    // The one picture is the mark of the page.
    expect(await page.locator('img').count()).toBe(1)
    expect(await page.evaluate('window.harmed')).toBeUndefined()
  })

  it('does not let a name turn what stands behind it', async () => {
    const page = await open('#jobs?state=failed')
    await app.ask('POST', '/hostile')
    const id = page.getByRole('button', { name: hostileName }).first().locator('.id')
    await id.waitFor()
    const isLeftToRight = `(() => {
      const opener = [...document.querySelectorAll('.opener')].find(({ textContent }) => textContent.includes('report-'))
      const { firstChild } = opener.querySelector('.id')
      const placeOf = (index) => {
        const range = document.createRange()
        range.setStart(firstChild, index)
        range.setEnd(firstChild, index + 1)
        return range.getBoundingClientRect().left
      }
      return placeOf(0) < placeOf(firstChild.length - 1)
    })()`
    expect(await page.evaluate(isLeftToRight)).toBe(true)
  })

  it('goes by keyboard from the search to the rows, into a record and back', async () => {
    app.isMailDown = true
    await app.ask('POST', '/signup')
    const page = await open('#jobs?state=failed')
    await page.getByRole('button', { name: 'send-welcome' }).first().waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('mail')
    await page.keyboard.press('Enter')
    await page.keyboard.press('j')
    const focused = page.locator(':focus')
    expect(await page.getByRole('searchbox').inputValue()).toBe('mail')
    const id = await focused.getAttribute('data-row')
    expect(id).not.toBe(null)

    await page.keyboard.press('Enter')
    await page.locator('#job-title:focus').waitFor()
    await page.keyboard.press('Tab')
    expect(await focused.textContent()).toContain('Close the record')
    await page.getByRole('complementary').getByRole('button', { name: 'Retry' }).waitFor()
    await page.keyboard.press('Tab')
    expect(await focused.textContent()).toContain('Retry')
    await page.keyboard.press('Escape')
    await page.getByRole('complementary').waitFor({ state: 'detached' })
    await page.locator(`[data-row="${id}"]:focus`).waitFor()
  })

  it('is usable by keyboard alone', async () => {
    await app.ask('POST', '/signup')
    const page = await open('#now')
    await page.keyboard.press('Tab')
    expect(await page.locator(':focus').textContent()).toBe('Skip to the view')
    await page.keyboard.press('Enter')
    expect(await page.locator(':focus').getAttribute('id')).toBe('main')

    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })

    await page.keyboard.press('2')
    await page.locator('.request-item').first().waitFor()
    await page.keyboard.press('j')
    const focused = page.locator(':focus')
    expect(await focused.getAttribute('aria-expanded')).toBe('false')
    await page.keyboard.press('Enter')
    await page.locator('.details').waitFor()
    expect(await focused.getAttribute('aria-expanded')).toBe('true')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    await page.keyboard.press('Escape')
    await page.locator('.details').waitFor({ state: 'detached' })
    await page.keyboard.press('/')
    expect(await focused.getAttribute('type')).toBe('search')
  })

  it('says that the connection is lost, and goes on when the server is back', async () => {
    const page = await browser.newPage()
    page.setDefaultTimeout(0)
    onTestFinished(() => page.close())
    await page.goto(`${app.url}#requests`)
    await page.getByText('live', { exact: true }).waitFor()
    await app.goAway()
    await page.getByText('connection lost').waitFor()
    await page.getByText('The server does not answer.').waitFor()
    await app.listen()
    await page.getByText('live', { exact: true }).waitFor()
    await app.ask('POST', '/signup')
    await row(page, '/signup').getByText('2 done').waitFor()
  })

  it.each(['light', 'dark'] as const)(
    'has names, landmarks and enough contrast in each view, %s',
    async (colorScheme) => {
      app.isMailDown = true
      await app.ask('POST', '/signup')
      for (const view of views) {
        const page = await open(`#${view}`, { colorScheme })
        await page.getByRole('heading', { level: 1 }).waitFor()
        if (view !== 'now') await page.locator('[data-row]').first().click()
        expect([view, ...(await faultsOf(page))]).toEqual([view])
      }
    },
  )

  it.each([360, 768, 1280])('fits a window of %i pixels', async (width) => {
    app.isMailDown = true
    await app.ask('POST', '/hostile')
    await app.ask('POST', '/signup')
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const view of views) {
        const page = await open(`#${view}`, { colorScheme, viewport: { width, height: 800 } })
        await page.getByRole('heading', { level: 1 }).waitFor()
        if (view !== 'now') await page.locator('[data-row]').first().waitFor()
        expect([view, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([view, width])
        await page.screenshot({ path: `${screenshots}${view}-${width}-${colorScheme}.png` })
        if (view !== 'now') {
          await page.locator('[data-row]').first().click()
          expect([view, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([view, width])
        }
      }
    }
  })
})

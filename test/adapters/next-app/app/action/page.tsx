import { defer } from 'afterword'
import { headers } from 'next/headers'
import { after } from 'next/server'
import type { ReactNode } from 'react'
import { markOf, note, testify } from '../../stage.ts'

async function act(): Promise<void> {
  'use server'
  const mark = markOf(await headers())
  defer(testify, 'action', mark)
  defer.with({ name: 'one per scope' })(note, 'action')
  after(async () => testify(`after, ${(await headers()).get('x-from')}`, mark))
}

export default async function Page(): Promise<ReactNode> {
  await headers()
  defer.with({ name: 'one per scope' })(note, 'page')
  return (
    <form action={act}>
      <button type="submit">act</button>
    </form>
  )
}

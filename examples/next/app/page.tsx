import { defer } from 'afterword'
import { redirect } from 'next/navigation'
import { SendWelcome } from './jobs'

async function signUp(form: FormData): Promise<void> {
  'use server'
  const address = String(form.get('address'))
  SendWelcome.defer(address)
  redirect(`/?welcome=${encodeURIComponent(address)}`)
}

export default async function Page({ searchParams }: { searchParams: Promise<{ welcome?: string }> }) {
  const { welcome } = await searchParams
  defer(() => console.log('seen'))
  if (welcome !== undefined) return <p>Thank you, {welcome}. You will have mail.</p>
  return (
    <form action={signUp}>
      <input name="address" type="email" required />
      <button type="submit">Sign up</button>
    </form>
  )
}

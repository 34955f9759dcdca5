import { job } from 'afterword'

export const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
export const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

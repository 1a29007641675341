import { LeaderContact } from './leader-contact.js';

describe('LeaderContact', () => {
  it('counts from the last leader message whose commit index was applied when it came', () => {
    const contact = new LeaderContact(-500);
    expect(contact.ageMs(0)).toBe(500);
    contact.heard(5, 10, 5);
    expect(contact.ageMs(40)).toBe(30);
    contact.heard(5, 50, 6);
    expect(contact.ageMs(60)).toBe(10);
  });

  it('counts from the message once what it names is applied', () => {
    const contact = new LeaderContact(0);
    contact.heard(7, 100, 5);
    expect(contact.ageMs(100)).toBe(100);
    contact.applied(6);
    expect(contact.ageMs(100)).toBe(100);
    contact.applied(7);
    expect(contact.ageMs(110)).toBe(10);
  });

  it('follows a stream of messages that is always a little ahead', () => {
    const contact = new LeaderContact(0);
    for (let i = 1; i <= 100; i++) {
      contact.heard(i + 3, i * 10, i);
      contact.applied(i);
      if (i > 10) expect(contact.ageMs(i * 10)).toBeLessThanOrEqual(70);
    }
  });
});

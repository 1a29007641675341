import { SstError, SstErrorCode } from '@dougdb/sstable';
import { DamageNews } from './damage-news.js';

const damage = (table: string): SstError =>
  new SstError(SstErrorCode.Corrupt, `${table} is damaged`, { file: table, offset: 7 });

describe('DamageNews', () => {
  it('keeps what is found before the replica is there, and tells it of that once', () => {
    const news = new DamageNews();
    news.tell(damage('1.sst'));
    news.tell(damage('2.sst'));
    const heard: string[] = [];
    news.listen(({ message }) => heard.push(message));
    expect(heard).toEqual(['1.sst is damaged']);
    news.tell(damage('3.sst'));
    expect(heard).toEqual(['1.sst is damaged', '3.sst is damaged']);
  });

  it('tells nothing where nothing was found', () => {
    const news = new DamageNews();
    const heard: string[] = [];
    news.listen(({ message }) => heard.push(message));
    expect(heard).toEqual([]);
  });
});

using Amqp.Storage.Files;

namespace Amqp.Storage.Tests.Journal;

/// <summary>
/// Files in memory that behave as badly as a disk may: until a flush, any part of what was written may be lost when power
/// fails, in any order, and a name may be the old one until its directory is flushed.
/// </summary>
internal sealed class MemoryFiles : IFileLayer
{
    private readonly Dictionary<string, MemoryFile> _names = [];
    private readonly Dictionary<string, MemoryFile> _durableNames = [];

    /// <summary>Bytes that the disk still takes.</summary>
    public long Room { get; set; } = long.MaxValue;

    public int Flushes { get; private set; }

    public IReadOnlyList<string> List(string directory) => [.. _names.Keys];

    public IDataFile Open(string path)
    {
        if (!_names.TryGetValue(path, out var file)) _names.Add(path, file = new MemoryFile(this));
        return file;
    }

    public MemoryFile File(string path) => _names[path];

    public void Rename(string from, string to)
    {
        _names.Add(to, _names[from]);
        _names.Remove(from);
    }

    public void Delete(string path) => _names.Remove(path);

    public void FlushDirectory(string directory)
    {
        _durableNames.Clear();
        foreach (var (name, file) in _names) _durableNames.Add(name, file);
    }

    /// <summary>Power fails: of what was not flushed a random part is there.</summary>
    public void LosePower(Random random)
    {
        foreach (var file in _names.Values.Union(_durableNames.Values).ToList()) file.LosePower(random);
        if (random.Next(2) == 0)
        {
            // The names happened to be written.
            FlushDirectory("");
            return;
        }
        _names.Clear();
        foreach (var (name, file) in _durableNames) _names.Add(name, file);
    }

    internal sealed class MemoryFile(MemoryFiles files) : IDataFile
    {
        private readonly List<(long Offset, byte[] Before)> _unflushed = [];

        public byte[] Bytes { get; private set; } = [];

        public long Length => Bytes.Length;

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            var end = (int)offset + bytes.Length;
            if (end > Bytes.Length)
            {
                if (end - Bytes.Length > files.Room) throw new IOException("no space left on device", 28);
                files.Room -= end - Bytes.Length;
                var longer = Bytes;
                Array.Resize(ref longer, end);
                Bytes = longer;
            }
            _unflushed.Add((offset, Bytes.AsSpan((int)offset, bytes.Length).ToArray()));
            bytes.CopyTo(Bytes.AsSpan((int)offset));
        }

        public int Read(Span<byte> destination, long offset)
        {
            if (offset >= Bytes.Length) return 0;
            var count = (int)Math.Min(destination.Length, Bytes.Length - offset);
            Bytes.AsSpan((int)offset, count).CopyTo(destination);
            return count;
        }

        public void Flush()
        {
            _unflushed.Clear();
            files.Flushes++;
        }

        /// <summary>Takes back a random part of the unflushed writes, each in pieces of a sector.</summary>
        public void LosePower(Random random)
        {
            const int Sector = 512;
            for (var index = _unflushed.Count - 1; index >= 0; index--)
            {
                var (offset, before) = _unflushed[index];
                for (var start = 0; start < before.Length; start += Sector)
                {
                    if (random.Next(2) == 0) continue;
                    before.AsSpan(start, Math.Min(Sector, before.Length - start)).CopyTo(Bytes.AsSpan((int)offset + start));
                }
            }
            _unflushed.Clear();
        }

        public void Dispose() { }
    }
}

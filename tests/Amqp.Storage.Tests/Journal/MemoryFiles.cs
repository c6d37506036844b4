using Amqp.Storage.Files;

namespace Amqp.Storage.Tests.Journal;

/// <summary>
/// Files in memory that behave as badly as a disk may: until a flush, any part of what was written may be lost when power
/// fails, in any order, and a name may be the old one until its directory is flushed. A test can let a write or flush fail, or
/// a flush or read take its time.
/// </summary>
internal sealed class MemoryFiles : IFileLayer
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, MemoryFile> _names = [];
    private readonly Dictionary<string, MemoryFile> _durableNames = [];
    private int _fileCount;

    /// <summary>Bytes that the disk still takes.</summary>
    public long Room { get; set; } = long.MaxValue / 2;

    public int Flushes { get; private set; }

    /// <summary>Everything that changes the disk, so far.</summary>
    public int Changes { get; private set; }

    /// <summary>From this change on everything fails, as with a disk that is gone.</summary>
    public int FailFrom { get; set; } = int.MaxValue;

    /// <summary>Up to this change, exclusive: the disk has come back.</summary>
    public int FailTo { get; set; } = int.MaxValue;

    /// <summary>What has failed, in order.</summary>
    public List<string> Failed { get; } = [];

    /// <summary>Everything fails from now on.</summary>
    public void Break() => FailFrom = 0;

    /// <summary>Called in each flush of a file, before it counts.</summary>
    public Action BeforeFlush { get; set; } = () => { };

    /// <summary>Called in each read.</summary>
    public Action BeforeRead { get; set; } = () => { };

    public IReadOnlyList<string> List(string directory)
    {
        lock (_lock) return [.. _names.Keys];
    }

    public IDataFile Open(string path)
    {
        lock (_lock)
        {
            if (!_names.TryGetValue(path, out var file)) _names.Add(path, file = new MemoryFile(this));
            return file;
        }
    }

    public MemoryFile File(string path)
    {
        lock (_lock) return _names[path];
    }

    /// <summary>Another disk with the same on it, all of it durable.</summary>
    public MemoryFiles Copy()
    {
        var copy = new MemoryFiles();
        lock (_lock)
        {
            foreach (var (path, file) in _names) copy._names.Add(path, new MemoryFile(copy, [.. file.Bytes]));
        }
        copy.KeepNames();
        return copy;
    }

    public void Rename(string from, string to)
    {
        lock (_lock)
        {
            Change($"rename {from}");
            _names.Add(to, _names[from]);
            _names.Remove(from);
        }
    }

    public void Delete(string path)
    {
        lock (_lock)
        {
            Change($"delete {path}");
            if (_names.Remove(path, out var file)) Room += file.Length;
        }
    }

    public void FlushDirectory(string directory)
    {
        lock (_lock)
        {
            Change("flush of names");
            KeepNames();
        }
    }

    /// <summary>Power fails: of what was not flushed a random part is there.</summary>
    public void LosePower(Random random)
    {
        lock (_lock)
        {
            FailFrom = int.MaxValue;
            foreach (var file in _names.Values.Union(_durableNames.Values).ToList()) file.LosePower(random);
            if (random.Next(2) == 0)
            {
                // The names happened to be written.
                KeepNames();
                return;
            }
            _names.Clear();
            foreach (var (name, file) in _durableNames) _names.Add(name, file);
        }
    }

    private void KeepNames()
    {
        _durableNames.Clear();
        foreach (var (name, file) in _names) _durableNames.Add(name, file);
    }

    private void Change(string what)
    {
        if (++Changes < FailFrom || Changes >= FailTo) return;
        Failed.Add(what);
        throw new IOException($"the disk is gone: {what}");
    }

    internal sealed class MemoryFile(MemoryFiles files, byte[]? bytes = null) : IDataFile
    {
        private readonly int _number = ++files._fileCount;
        private readonly List<(long Offset, byte[] Before)> _unflushed = [];

        public byte[] Bytes { get; private set; } = bytes ?? [];

        public long Length => Bytes.Length;

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            lock (files._lock)
            {
                files.Change($"write of {bytes.Length} bytes at {offset} of file {_number}");
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
        }

        public int Read(Span<byte> destination, long offset)
        {
            files.BeforeRead();
            lock (files._lock)
            {
                if (offset >= Bytes.Length) return 0;
                var count = (int)Math.Min(destination.Length, Bytes.Length - offset);
                Bytes.AsSpan((int)offset, count).CopyTo(destination);
                return count;
            }
        }

        public void Flush()
        {
            files.BeforeFlush();
            lock (files._lock)
            {
                files.Change($"flush of file {_number}");
                _unflushed.Clear();
                files.Flushes++;
            }
        }

        /// <summary>The file loses its end, as the work of a bad disk or a hasty hand.</summary>
        public void Truncate(int length) => Bytes = Bytes[..length];

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

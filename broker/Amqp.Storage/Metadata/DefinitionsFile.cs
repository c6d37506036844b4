using System.Buffers;
using Amqp.Core.Topology;
using Amqp.Storage.Files;
using Microsoft.Win32.SafeHandles;

namespace Amqp.Storage.Metadata;

/// <summary>
/// The file <c>definitions.log</c>, open for appending. Used by one thread. Beside it lies a reserve, a file that is given up when
/// the disk is full: a broker that holds publishers back for that must still be able to start, and to declare queues.
/// </summary>
internal sealed class DefinitionsFile : IDisposable
{
    /// <summary>Room for some thousand definitions.</summary>
    private const int ReserveBytes = 1 << 20;

    private readonly string _path;
    private readonly string _reservePath;
    private bool _hasReserve;
    private SafeFileHandle _file;
    private long _length;

    public DefinitionsFile(string path)
    {
        _path = path;
        _reservePath = path + ".reserve";
        _hasReserve = File.Exists(_reservePath);
        var isNew = !File.Exists(path);
        _file = Open(path);
        _length = RandomAccess.GetLength(_file);
        // A new file is nowhere until the directory that names it has been flushed.
        if (isNew) DurableFiles.FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Cuts off what stands behind the last whole line.</summary>
    /// <returns>How many bytes that was.</returns>
    public long CutAt(long length)
    {
        var cut = _length - length;
        if (cut > 0) RandomAccess.SetLength(_file, length);
        _length = length;
        return cut;
    }

    /// <summary>Appends lines and returns when they are on disk.</summary>
    public void Append(ReadOnlyMemory<byte> lines)
    {
        try
        {
            RandomAccess.Write(_file, lines.Span, _length);
        }
        catch (IOException exception) when (DiskFull.Is(exception) && TryGiveUpReserve())
        {
            // Nothing of it was flushed, so that it may be written again.
            RandomAccess.Write(_file, lines.Span, _length);
        }
        RandomAccess.FlushToDisk(_file);
        _length += lines.Length;
        if (!_hasReserve) MakeReserve();
    }

    /// <summary>Writes what is live into a file beside this one. While this fails nothing has happened.</summary>
    /// <returns>How many definitions that are.</returns>
    public int WriteSuccessor(TopologySnapshot topology, long opened)
    {
        var count = 0;
        DurableFiles.WriteSuccessor(_path, file =>
        {
            var line = new ArrayBufferWriter<byte>();
            DefinitionRecord.OfOpening(opened).WriteTo(line);
            file.Write(line.WrittenSpan);
            foreach (var definition in topology.AsChanges().Where(change => change.Durable))
            {
                count++;
                line.ResetWrittenCount();
                DefinitionRecord.Of([definition]).WriteTo(line);
                file.Write(line.WrittenSpan);
            }
        });
        return count;
    }

    /// <summary>Goes on in the file that <see cref="WriteSuccessor"/> wrote.</summary>
    public void Succeed()
    {
        DurableFiles.Succeed(_path);
        _file.Dispose();
        _file = Open(_path);
        _length = RandomAccess.GetLength(_file);
    }

    public void Dispose() => _file.Dispose();

    private bool TryGiveUpReserve()
    {
        if (!_hasReserve) return false;
        File.Delete(_reservePath);
        _hasReserve = false;
        return true;
    }

    private void MakeReserve()
    {
        try
        {
            using var reserve = new FileStream(_reservePath, FileMode.Create, FileAccess.Write, FileShare.None);
            reserve.Write(new byte[ReserveBytes]);
            reserve.Flush(flushToDisk: true);
            _hasReserve = true;
        }
        catch (IOException exception) when (DiskFull.Is(exception))
        {
            File.Delete(_reservePath);
        }
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
}

using System.Buffers;
using Amqp.Core.Topology;
using Microsoft.Win32.SafeHandles;

namespace Amqp.Storage.Metadata;

/// <summary>The file <c>definitions.log</c>, open for appending. Used by one thread.</summary>
internal sealed class DefinitionsFile : IDisposable
{
    private readonly string _path;
    private SafeFileHandle _file;
    private long _length;

    public DefinitionsFile(string path)
    {
        _path = path;
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
        RandomAccess.Write(_file, lines.Span, _length);
        RandomAccess.FlushToDisk(_file);
        _length += lines.Length;
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
            foreach (var definition in Live(topology))
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

    /// <summary>Everything durable, as the changes that make it out of nothing: what bindings lead to comes before them.</summary>
    public static IEnumerable<TopologyChange> Live(TopologySnapshot topology)
    {
        foreach (var vhost in topology.VirtualHosts.Values)
        {
            foreach (var exchange in vhost.Exchanges.Values)
            {
                if (exchange.Durable && !exchange.IsPredeclared) yield return new ExchangeAdded(exchange);
            }
            foreach (var queue in vhost.Queues.Values)
            {
                if (queue.Durable) yield return new QueueAdded(queue);
            }
            foreach (var binding in vhost.Bindings.All)
            {
                if (vhost.IsDurable(binding)) yield return new BindingAdded(vhost.Name, binding, Durable: true);
            }
        }
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
}

using Amqp.Storage.Files;
using Amqp.Storage.Inspection;
using Amqp.Storage.Journal;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Conversion;

/// <summary>What a conversion is at.</summary>
public enum ConversionStep
{
    /// <summary>Segments are copied; one that an earlier attempt has copied is only compared.</summary>
    Copy,

    /// <summary>Every message is read from the original and from the copy.</summary>
    Verify,
}

/// <param name="Copied">Segments copied this time.</param>
/// <param name="Kept">Segments that were there already from an attempt that was interrupted.</param>
/// <param name="Messages">Messages that were verified.</param>
public sealed record ConversionResult(string From, int Copied, int Kept, long Messages);

/// <summary>
/// Moves the messages of a data directory that no broker uses from one engine to another. Segments are the same in every engine,
/// byte for byte; they are copied into the directory of the other engine:
/// <code>
/// format.json  engine: journal      engine: journal        engine: litedb
/// messages/                         messages/
///                                   messages-litedb/       messages-litedb/
///                                                     ^ the one change that counts, when the copy has been verified
/// </code>
/// Whenever it is interrupted, the original is whole and in force, or the copy is; the next attempt goes on.
/// </summary>
public static class StoreConversion
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Converts, or does nothing if the directory belongs to that engine already.</summary>
    /// <param name="engines">Those that this program has.</param>
    /// <param name="progress">Told how much of how much is done.</param>
    /// <exception cref="StorageException">A broker uses it, it is damaged so that not all of it can be copied, it belongs to an
    /// engine that this program does not have, or it cannot be read or written.</exception>
    public static ConversionResult Run(string path, StoreEngine target, IReadOnlyList<StoreEngine> engines, Action<ConversionStep, long, long> progress)
    {
        using var directory = DataDirectory.OpenExisting(path);
        try
        {
            var source = EngineChoice.Of(directory.Engine, directory.FullPath, engines);
            var result = source.Name == target.Name
                ? new ConversionResult(source.Name, 0, 0, 0)
                : Convert(directory, source, target, progress);
            // What is left of a conversion that was interrupted behind its end goes with this one.
            foreach (var other in engines.Where(engine => engine.Name != target.Name)) Remove(directory, other);
            return result;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"'{directory.FullPath}' could not be converted: {exception.Message} Nothing has changed; what was copied so far "
                + "is used when you try again.", exception);
        }
    }

    private static ConversionResult Convert(DataDirectory directory, StoreEngine source, StoreEngine target, Action<ConversionStep, long, long> progress)
    {
        var (from, to) = (PathOf(directory, source), PathOf(directory, target));
        Directory.CreateDirectory(to);
        var (copied, kept) = (0, 0);
        using (var segments = Look(source, from))
        {
            var names = segments.Files.Select(file => Path.GetFileName(file.Path)).ToHashSet(StringComparer.Ordinal);
            foreach (var stale in Directory.GetFiles(to, "*.seg").Where(file => !names.Contains(Path.GetFileName(file)))) File.Delete(stale);
            using var medium = target.Medium(new SegmentDirectory(new DiskFiles(), to, Opening: 0, (_, _) => { }));
            if (!medium.TryPrepare()) throw new IOException("the disk is full.");
            foreach (var file in segments.Files)
            {
                if (IsCopied(file, medium, to)) kept++;
                else
                {
                    Copy(file, medium, to);
                    copied++;
                }
                progress(ConversionStep.Copy, copied + kept, segments.Files.Count);
            }
        }
        foreach (var aside in Directory.GetFiles(from, "*.damaged")) File.Copy(aside, Path.Combine(to, Path.GetFileName(aside)), overwrite: true);
        DurableFiles.FlushDirectory(to);
        DurableFiles.FlushDirectory(directory.FullPath);
        var messages = Verify(directory, source, target, progress);
        directory.ChangeEngine(target.Name);
        return new ConversionResult(source.Name, copied, kept, messages);
    }

    private static JournalEngine Look(StoreEngine engine, string path) => engine.Open(new SegmentDirectory(new ReadOnlyFiles(), path, Opening: 0, (file, isUsable) =>
    {
        if (!isUsable)
        {
            throw new StorageException($"'{file}' is so damaged, or missing, that its messages cannot be copied. Nothing has changed. `amqpctl store verify` says more; "
                + "restore the file from a backup, or move it away to convert the others.");
        }
    }));

    private static bool IsCopied(SegmentFile source, ISegmentMedium medium, string directory)
    {
        var path = Path.Combine(directory, Path.GetFileName(source.Path));
        if (!File.Exists(path)) return false;
        using var copy = medium.Open(source.Id, path, new DiskFiles().Open(path));
        return copy.Length >= source.WrittenEnd + SegmentFile.EndSize && source.Parts(copy.Length).All(part => IsSame(source.File, copy, part));
    }

    private static bool IsSame(IDataFile source, IDataFile copy, SegmentPart part)
    {
        var (left, right) = (new byte[PieceBytes], new byte[PieceBytes]);
        for (var done = 0L; done < part.Length; done += PieceBytes)
        {
            var length = (int)Math.Min(PieceBytes, part.Length - done);
            if (source.Read(left.AsSpan(0, length), part.From + done) != copy.Read(right.AsSpan(0, length), part.To + done)) return false;
            if (!left.AsSpan(0, length).SequenceEqual(right.AsSpan(0, length))) return false;
        }
        return true;
    }

    private static void Copy(SegmentFile source, ISegmentMedium medium, string directory)
    {
        var path = Path.Combine(directory, Path.GetFileName(source.Path));
        File.Delete(path);
        var file = new DiskFiles().Open(path);
        var bytes = Math.Max(JournalEngine.SegmentBytesDefault, medium.FileBytes(source.WrittenEnd + SegmentFile.EndSize));
        file.Write([0], bytes - 1);
        using var copy = medium.Begin(source.Id, file);
        var piece = new byte[PieceBytes];
        foreach (var part in source.Parts(copy.Length))
        {
            for (var done = 0L; done < part.Length; done += PieceBytes)
            {
                var length = source.File.Read(piece.AsSpan(0, (int)Math.Min(PieceBytes, part.Length - done)), part.From + done);
                copy.Write(piece.AsSpan(0, length), part.To + done);
            }
        }
        copy.Flush();
        medium.Sealed(copy);
    }

    /// <summary>Reads every message of both, with their checksums.</summary>
    private static long Verify(DataDirectory directory, StoreEngine source, StoreEngine target, Action<ConversionStep, long, long> progress)
    {
        var original = VerdictOf(source, 0);
        var copy = VerdictOf(target, 1);
        if (copy.Messages == original.Messages && copy.Damages.Count == original.Damages.Count && copy.Records.SequenceEqual(original.Records)) return copy.Messages;
        throw new StorageException($"The copy in '{PathOf(directory, target)}' is not what the original is: {copy.Messages} messages instead of {original.Messages}, "
            + $"{copy.Damages.Count} damaged places instead of {original.Damages.Count}. The original is in force, and nothing of it has changed. Check the disk, and try again.");

        StoreVerdict VerdictOf(StoreEngine engine, int number)
        {
            using var inspection = StoreInspection.Of(directory, engine);
            return inspection.Verify((segment, of) => progress(ConversionStep.Verify, segment + ((long)number * of), 2L * of));
        }
    }

    private static void Remove(DataDirectory directory, StoreEngine engine)
    {
        if (Directory.Exists(PathOf(directory, engine))) Directory.Delete(PathOf(directory, engine), recursive: true);
    }

    private static string PathOf(DataDirectory directory, StoreEngine engine) => Path.Combine(directory.FullPath, engine.DirectoryName);
}

using System.Runtime.InteropServices;

namespace Amqp.Storage;

/// <summary>Files that are whole or not there, whenever power fails.</summary>
internal static partial class DurableFiles
{
    /// <summary>Puts a file in the place of another: everybody sees the old one or the new one, also after a crash.</summary>
    /// <param name="write">Writes the content.</param>
    public static void Replace(string path, Action<FileStream> write)
    {
        var temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            write(file);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>A name that was made, changed or removed is durable only when its directory has been flushed. .NET has no call
    /// for that; Windows needs none.</summary>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        const int readOnly = 0;
        var descriptor = Open(path, readOnly);
        if (descriptor < 0) throw LastError("open", path);
        try
        {
            if (Sync(descriptor) != 0) throw LastError("flush", path);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException LastError(string action, string path) =>
        new($"cannot {action} directory '{path}': {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}

namespace Amqp.Testing;

/// <summary>A small file system of its own in an image file, mounted on a temporary directory. Takes root and loop devices.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _directory = System.IO.Directory.CreateTempSubdirectory("amqp-small-disk-");
    private bool _mounted;

    private SmallDisk()
    {
    }

    /// <summary>Where it is mounted.</summary>
    public string Directory => Path.Combine(_directory.FullName, "mounted");

    private string Filler => Path.Combine(Directory, "filler");

    private string Image => Path.Combine(_directory.FullName, "image");

    /// <summary>Skips the test, with the reason, where this machine does not permit it.</summary>
    public static async Task<SmallDisk> Mount(int mebibytes)
    {
        var disk = new SmallDisk();
        try
        {
            await using (var image = File.Create(disk.Image)) image.SetLength(mebibytes * 1024L * 1024L);
            System.IO.Directory.CreateDirectory(disk.Directory);
            // No blocks kept back for root: full is full, for any user who runs the test.
            await disk.Try("mkfs.ext4", "-q", "-m", "0", disk.Image);
            await disk.Try("mount", "-o", "loop", disk.Image, disk.Directory);
            disk._mounted = true;
            return disk;
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes what room is left with a file of no meaning.</summary>
    public void FillUp()
    {
        using var file = File.OpenHandle(Filler, FileMode.Create, FileAccess.Write);
        for (var (size, offset) = (1 << 20, 0L); size >= 512;)
        {
            try
            {
                RandomAccess.Write(file, new byte[size], offset);
                offset += size;
            }
            catch (IOException)
            {
                size /= 2;
            }
        }
    }

    /// <summary>Takes that file away.</summary>
    public void MakeRoom() => File.Delete(Filler);

    public async ValueTask DisposeAsync()
    {
        if (_mounted)
        {
            var (exitCode, text) = await Command.Run("umount", [Directory], Within);
            Assert.That(exitCode, Is.Zero, text);
        }
        _directory.Delete(recursive: true);
    }

    private async Task Try(string program, params string[] arguments)
    {
        try
        {
            var (exitCode, text) = await Command.Run(program, arguments, Within, directory: _directory.FullName);
            if (exitCode == 0) return;
            Assert.Ignore($"a small disk cannot be mounted here: {program}: {text.Trim()}");
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Assert.Ignore($"a small disk cannot be mounted here: {exception.Message}");
        }
    }
}
